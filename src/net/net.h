/* net.h - a network is nodes in topological order, made by a builder; a plan says where every value lives;
   running is a loop over nodes, forward, backward or with tangents. */
#ifndef FMI_NET_H
#define FMI_NET_H

#include "op/op.h"

/* ---- the graph ---------------------------------------------------------------------------------- */

typedef struct fmi_net_tensor {
  char name[56]; /* "blocks.0.linear1.weight" */
  size_t offset;
  uint64_t shape[3]; /* unused: 0 */
} fmi_net_tensor;

typedef struct fmi_builder fmi_builder;

/* An architecture: one file and one line in net_list.def. */
typedef struct fmi_architecture {
  uint32_t kind;
  const char *name; /* in files and on the command line */
  uint32_t default_depth;
  /* Builds the graph and returns the output's node. */
  size_t (*build)(fmi_builder *builder, const fm_net_options *options);
} fmi_architecture;

const fmi_architecture *fmi_architecture_by_kind(uint32_t kind);    /* NULL: unknown */
const fmi_architecture *fmi_architecture_by_name(const char *name); /* NULL: unknown */

/* "silu" for FM_ACT_SILU; NULL or 0: unknown. */
const char *fmi_activation_name(uint32_t activation);
uint32_t fmi_activation_by_name(const char *name);

struct fm_net {
  fmi_object object;
  const fmi_architecture *architecture; /* NULL: the caller's own */
  fm_net_options options;               /* with defaults filled in */
  size_t dim, n_class_columns, cond_dim;
  size_t n_times; /* of a row: 1, or 2: t and r */
  uint32_t *n_classes;
  fmi_node *nodes;
  size_t n_nodes, output;
  size_t n_params;
  fmi_net_tensor *tensors;
  size_t n_tensors;
  double *frequencies;
  fmi_custom custom;
};

/* Creates a net from options that may hold zeros. n_classes may be NULL where n_class_columns is 0. */
fm_net *fmi_net_new(fmi_memory *memory, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                    size_t cond_dim, const fm_net_options *options, fmi_error *err);
fm_net *fmi_net_new_custom(fmi_memory *memory, size_t dim, const uint32_t *n_classes, size_t n_class_columns,
                           size_t cond_dim, const fmi_custom *custom, fmi_error *err);
fm_status fmi_net_init(const fm_net *net, uint64_t seed, real *params, fmi_error *err);

/* ---- building: each adds a node and returns its index ------------------------------------------- */

struct fmi_builder {
  fm_net *net;
  fmi_rows sizes;
  size_t node_capacity, tensor_capacity;
  size_t dropout_columns; /* noise columns that dropout has taken so far */
  fmi_error *err;
  fm_status status; /* of the first failure; later additions do nothing */
};

/* What differs from a plain application; zero is plain. */
typedef struct fmi_build {
  const char *name; /* of its parameters */
  size_t attribute[2];
  size_t table_rows;
  uint32_t activation;
  double gain, dropout;
} fmi_build;

size_t fmi_build_node(fmi_builder *b, const fmi_op *op, const size_t *inputs, size_t n_inputs,
                      fmi_build extra);
size_t fmi_build_linear(fmi_builder *b, size_t input, size_t out, uint32_t activation, double gain,
                        const char *name);
/* The net's dropout of hidden units; without it the input itself: no node is made. */
size_t fmi_build_dropout(fmi_builder *b, size_t input);
/* Features of all times, then embeddings, then the condition vector, side by side with `first` (SIZE_MAX:
   nothing). */
size_t fmi_build_conditions(fmi_builder *b, size_t first);

/* ---- plans -------------------------------------------------------------------------------------- */

#define FMI_WANT_TANGENT 1u  /* jvp */
#define FMI_WANT_BACKWARD 2u /* vjp, and with the next two what of */
#define FMI_WANT_GRAD 4u     /* the parameters' gradient */
#define FMI_WANT_DX 8u       /* the gradient of x */

/* A buffer of a node. Tile buffers are shared by liveness inside a worker's block; batch buffers hold every
   row of a batch, because the parameters' gradient is one product over all of them. */
typedef struct fmi_buffer {
  size_t size; /* reals per row; 0: absent */
  size_t offset;
  bool whole;
} fmi_buffer;

typedef struct fmi_node_plan {
  fmi_buffer out, extra, d_out, t_out;
  size_t packed, packed_back; /* offsets in the packed block; SIZE_MAX: none */
  bool needs;                 /* a gradient must come here */
  bool add[FMI_MAX_INPUTS];   /* not the first to write that input's gradient */
} fmi_node_plan;

typedef struct fmi_grad_part {
  size_t node, part;
} fmi_grad_part;

typedef struct fmi_plan {
  fmi_memory *memory;
  const fm_net *net; /* retained */
  const fmi_kernels *kernels;
  uint32_t wants;
  size_t tile, batch; /* rows */
  fmi_node_plan *nodes;
  fmi_grad_part *parts; /* in backward order */
  size_t n_parts;
  size_t tile_reals, batch_reals, scratch_reals, packed_reals;
} fmi_plan;

/* Rows of a tile: a multiple of the product kernel's six rows whose values stay in the second-level cache. */
#define FMI_TILE 48u

/* batch is 0 unless FMI_WANT_GRAD. use_blas: large products may go there. */
fmi_plan *fmi_plan_new(fmi_memory *memory, const fm_net *net, const fmi_kernels *kernels, uint32_t wants,
                       size_t tile, size_t batch, bool use_blas, fmi_error *err);
void fmi_plan_free(fmi_plan *plan);
/* Packs node i's weights out of the parameter block. */
void fmi_plan_pack_node(const fmi_plan *plan, size_t i, const real *params, real *packed);
void fmi_plan_pack(const fmi_plan *plan, const real *params, real *packed);

/* ---- running ------------------------------------------------------------------------------------ */

typedef struct fmi_weights {
  const real *params;
  const real *packed; /* packed_reals of the plan */
} fmi_weights;

/* A worker's workspace: tile [tile_reals], scratch [scratch_reals]. */
typedef struct fmi_workspace {
  real *tile, *scratch;
} fmi_workspace;

/* Carves a workspace out of an arena. */
fmi_workspace fmi_workspace_take(fmi_arena *arena, const fmi_plan *plan);

/* Forward over n <= tile rows, which are rows first .. of the batch. rows points at the first of them. With
   FMI_WANT_TANGENT also the tangents. The output is at fmi_run_output, its tangent at fmi_run_tangent. */
fm_status fmi_run_forward(const fmi_plan *plan, const fmi_weights *weights, const fmi_rows *rows,
                          size_t first, size_t n, const fmi_workspace *work, real *batch_block,
                          fmi_error *err);
const real *fmi_run_output(const fmi_plan *plan, size_t first, const fmi_workspace *work,
                           const real *batch_block);
const real *fmi_run_tangent(const fmi_plan *plan, const fmi_workspace *work);
/* Where the caller puts the gradient of the output between forward and backward. */
real *fmi_run_d_output(const fmi_plan *plan, size_t first, const fmi_workspace *work, real *batch_block);
fm_status fmi_run_backward(const fmi_plan *plan, const fmi_weights *weights, const fmi_rows *rows,
                           size_t first, size_t n, const fmi_workspace *work, real *batch_block,
                           fmi_error *err);
/* Part i of the parameters' gradient over n rows of the batch; rows points at the batch's first row. Parts
   write disjoint pieces of grad. */
fm_status fmi_run_grad(const fmi_plan *plan, size_t i, const fmi_weights *weights, const fmi_rows *rows,
                       size_t n, const fmi_workspace *work, real *batch_block, real *grad, fmi_error *err);
#endif
