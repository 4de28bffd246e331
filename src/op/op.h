/* op.h - the operator table. An operator is one file with one const table and one line in op_list.def. Its
   functions are pure: pointers and sizes in, results out; no allocation, no threads. */
#ifndef FMI_OP_H
#define FMI_OP_H

#include "kern/kern.h"

#define FMI_MAX_INPUTS 3u

typedef struct fmi_op fmi_op;

/* A value is [length][channels] for every row. */
typedef struct fmi_shape {
  size_t length, channels;
} fmi_shape;

static inline size_t fmi_shape_size(fmi_shape s) { return fmi_mul_size(s.length, s.channels); }

/* The caller's own network, for the custom operator. */
typedef struct fmi_custom {
  fm_net_fn forward, vjp;
  fm_net_init_fn init;
  void *user;
  size_t n_params;
} fmi_custom;

/* One application of an operator. The builder sets op, inputs and attributes; op->setup the rest. */
typedef struct fmi_node {
  const fmi_op *op;
  size_t n_inputs;
  size_t input[FMI_MAX_INPUTS]; /* node indices, all smaller than this node's */
  fmi_shape in_shape[FMI_MAX_INPUTS];
  size_t attribute[2];     /* what the operator says: outputs, kernel size, column ... */
  size_t table_rows;       /* embed: classes + 1 */
  uint32_t activation;     /* FM_ACT_... fused into the output, or 0 */
  double gain;             /* scale of the initial weights; 0: zeros */
  double dropout;          /* share of units that fall while training */
  const double *constants; /* e.g. frequencies; owned by the net */
  const fmi_custom *custom;
  /* from setup */
  fmi_shape shape;
  size_t n_params, params;      /* count, and offset in the parameter block */
  size_t weight_out, weight_in; /* a weight matrix [weight_out][weight_in] leads the parameters */
  size_t extra;                 /* reals per row that forward leaves for vjp and jvp */
  size_t grad_parts;            /* independent pieces of the parameter gradient */
  /* from the finished graph */
  bool at_output; /* no parameters of others lie between this node and the net's output */
} fmi_node;

/* What a row brings from outside. Arrays start at the first row of the call. */
typedef struct fmi_rows {
  const real *x;         /* [rows][dim] */
  const double *t;       /* [rows][times]: one, or t and r */
  const int32_t *labels; /* [rows][n_class_columns] or NULL: the null class */
  const real *cond;      /* [rows][cond_dim] or NULL: absent; a row that starts with NaN is absent */
  const real *dx;        /* jvp: tangent of x or NULL: zero */
  const double *dt;      /* jvp: tangent of t or NULL: zero */
  real *d_x;             /* vjp: gradient of x, out, or NULL */
  size_t dim, n_class_columns, cond_dim;
  bool training;            /* units are dropped, by noise of seed at rows first_row on */
  uint64_t seed, first_row; /* first_row: the running number of the call's first row */
} fmi_rows;

typedef struct fmi_call {
  const fmi_kernels *kernels;
  const fmi_node *node;
  const fmi_rows *outside;
  size_t rows;
  const real *in[FMI_MAX_INPUTS]; /* [rows][in_shape] */
  real *out;                      /* [rows][shape] */
  real *extra;                    /* [rows][node->extra]; NULL when only the output is wanted */
  const real *params;             /* [n_params], this node's */
  const real *packed;             /* W^T packed for x W^T; NULL: use the BLAS */
  const real *packed_back;        /* W packed for dy W; NULL: use the BLAS */
  real *scratch;                  /* op->scratch(node, rows) reals */
  /* vjp and grad */
  real *d_out;                 /* vjp may replace it, in place, by what grad needs */
  real *d_in[FMI_MAX_INPUTS];  /* NULL: not wanted */
  bool add_in[FMI_MAX_INPUTS]; /* add to d_in instead of overwriting it */
  real *d_params;              /* grad: overwritten, piece by piece */
  /* jvp */
  const real *t_in[FMI_MAX_INPUTS]; /* tangents */
  real *t_out;
  fmi_error *err;
} fmi_call;

struct fmi_op {
  const char *name;
  size_t n_inputs; /* FMI_MAX_INPUTS at the most; SIZE_MAX: 1 .. FMI_MAX_INPUTS */
  /* Fills what setup fills; sizes may come out as SIZE_MAX, which the net refuses. */
  void (*setup)(fmi_node *node, const fmi_rows *sizes);
  bool vjp_reads_in;                                    /* vjp reads in[] */
  bool grad_reads_in;                                   /* grad reads in[0] and d_out over the whole batch */
  size_t (*scratch)(const fmi_node *node, size_t rows); /* NULL: none */
  fm_status (*forward)(const fmi_call *call);
  fm_status (*vjp)(const fmi_call *call);
  fm_status (*jvp)(const fmi_call *call); /* NULL: none; reads what forward left in out, extra */
  fm_status (*grad)(const fmi_call *call, size_t part); /* NULL: no parameters */
  /* Initial parameters, from row stream_row of the initialisation noise. */
  fm_status (*init)(const fmi_node *node, uint64_t seed, uint64_t stream_row, real *params, fmi_error *err);
};

#define FMI_OP(name) extern const fmi_op fmi_op_##name;
#include "op/op_list.def"
#undef FMI_OP

extern const fmi_op *const fmi_op_list[];
extern const size_t fmi_op_count;

/* ---- shared by operators ------------------------------------------------------------------------ */

/* dst = src, or dst += src. */
static inline void fmi_put(const fmi_kernels *kernels, bool add, real *dst, const real *src, size_t n) {
  if (add)
    kernels->add(dst, src, n);
  else if (dst != src)
    memcpy(dst, src, n * sizeof *dst);
}

/* Normal weights of variance gain^2 / fan_in (LeCun et al. 1998), zero biases. */
fm_status fmi_init_weights(const fmi_node *node, uint64_t seed, uint64_t stream_row, real *params,
                           fmi_error *err);

/* Products with a weight matrix, by own kernels or the BLAS; used by every operator that has one.
   y[m][out] = act(sum), sum = x[m][in] W^T + b; extra gets act'(sum), if it is wanted. */
void fmi_weight_forward(const fmi_call *call, size_t m, const real *x, real *y);
/* ty[m][out] = act'(sum) * (tx[m][in] W^T) */
void fmi_weight_tangent(const fmi_call *call, size_t m, const real *tx, real *ty);
/* d_out times act'(sum), in place. */
void fmi_weight_activation_back(const fmi_call *call, size_t m);
/* dx[m][in] (+)= dz[m][out] W */
void fmi_weight_back(const fmi_call *call, size_t m, const real *dz, real *dx, bool add);
/* Piece `part` of dW[out][in] = dz^T x over m rows, and with piece 0 db. */
void fmi_weight_grad(const fmi_call *call, size_t part, size_t m, const real *dz, const real *x);
size_t fmi_weight_grad_parts(size_t weight_in);
size_t fmi_weight_grad_scratch(const fmi_node *node, size_t m);
#endif
