/* plan.c - where every value of a run lives. Decided once, from shapes alone; running allocates nothing. */
#include "net/net.h"

/* Weight matrices of at least this many elements train through the BLAS where that is allowed. Where it was
   measured (docs/performance.md) the two are equally fast there; smaller ones are quicker by own kernels. */
#define BLAS_MIN_WEIGHTS (512u * 512u)

/* ---- liveness: buffers whose times don't overlap share memory ----------------------------------- */

typedef struct span {
  fmi_buffer *buffer;
  size_t birth, death; /* inclusive */
  size_t reals;        /* rounded up to the alignment */
} span;

typedef struct spans {
  span *list;
  size_t n;
} spans;

static size_t aligned_reals(size_t rows, size_t size) {
  size_t reals = fmi_mul_size(rows, size);
  return reals > SIZE_MAX - FMI_ALIGN ? SIZE_MAX : fmi_round_up(reals, FMI_ALIGN / sizeof(real));
}

/* First fit in order of birth: the lowest offset that is free during the whole span. */
static size_t place(spans *s) {
  size_t end = 0;
  for (size_t i = 0; i < s->n; i++) {
    span *a = &s->list[i];
    size_t offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t j = 0; j < i; j++) {
        const span *b = &s->list[j];
        bool together = a->birth <= b->death && b->birth <= a->death;
        if (together && offset < b->buffer->offset + b->reals && b->buffer->offset < offset + a->reals) {
          offset = b->buffer->offset + b->reals;
          moved = true;
        }
      }
    }
    a->buffer->offset = offset;
    end = fmi_max(end, offset + a->reals);
  }
  return end;
}

/* ---- what is needed, and for how long ------------------------------------------------------------ */

/* Times: forward of node i is i, the loss is n, backward of node i is 2 n - i. */
static void mark_needs(fmi_plan *p) {
  const fm_net *net = p->net;
  for (size_t i = 0; i < net->n_nodes; i++) {
    const fmi_node *node = &net->nodes[i];
    bool needs = (node->n_params > 0 && (p->wants & FMI_WANT_GRAD)) ||
                 (node->op == &fmi_op_x && (p->wants & FMI_WANT_DX));
    for (size_t j = 0; j < node->n_inputs; j++) needs |= p->nodes[node->input[j]].needs;
    p->nodes[i].needs = needs && (p->wants & FMI_WANT_BACKWARD);
  }
}

typedef struct uses {
  size_t last_forward, last_read, first_gradient; /* times */
  bool grad_reads;                                /* a parameter gradient reads this value */
} uses;

static uses uses_of(const fmi_plan *p, size_t i) {
  const fm_net *net = p->net;
  size_t n = net->n_nodes;
  uses u = {.last_forward = i == net->output ? n : i, .first_gradient = i == net->output ? n : 2 * n - i};
  for (size_t c = i + 1; c < n; c++)
    for (size_t j = 0; j < net->nodes[c].n_inputs; j++) {
      if (net->nodes[c].input[j] != i) continue;
      u.last_forward = fmi_max(u.last_forward, c);
      if (!p->nodes[c].needs) continue;
      if (net->nodes[c].op->vjp_reads_in) u.last_read = fmi_max(u.last_read, 2 * n - c);
      u.first_gradient = fmi_min(u.first_gradient, 2 * n - c);
      u.grad_reads |= net->nodes[c].op->grad_reads_in && net->nodes[c].n_params > 0;
    }
  u.last_read = fmi_max(u.last_read, u.last_forward);
  return u;
}

/* Exactly one writer of a gradient overwrites: the last consumer, which goes backward first. */
static void mark_adds(fmi_plan *p) {
  const fm_net *net = p->net;
  for (size_t c = 0; c < net->n_nodes; c++)
    for (size_t j = 0; j < net->nodes[c].n_inputs; j++) {
      size_t value = net->nodes[c].input[j];
      bool written = value == net->output;
      for (size_t d = c; d < net->n_nodes; d++)
        for (size_t k = 0; k < net->nodes[d].n_inputs; k++)
          written |= net->nodes[d].input[k] == value && p->nodes[d].needs && (d > c || k < j);
      p->nodes[c].add[j] = written;
    }
}

static void add_buffer(fmi_plan *p, spans *s, fmi_buffer *buffer, size_t size, bool whole, size_t birth,
                       size_t death) {
  buffer->size = size;
  buffer->whole = whole && (p->wants & FMI_WANT_GRAD);
  if (size == 0) return;
  if (buffer->whole) {
    buffer->offset = p->batch_reals;
    p->batch_reals = fmi_add_size(p->batch_reals, aligned_reals(p->batch, size));
  } else {
    s->list[s->n++] =
        (span){.buffer = buffer, .birth = birth, .death = death, .reals = aligned_reals(p->tile, size)};
  }
}

static void place_values(fmi_plan *p, spans *s) {
  const fm_net *net = p->net;
  size_t n = net->n_nodes;
  bool back = p->wants & FMI_WANT_BACKWARD, tangent = p->wants & FMI_WANT_TANGENT;
  for (size_t i = 0; i < n; i++) {
    const fmi_node *node = &net->nodes[i];
    fmi_node_plan *np = &p->nodes[i];
    size_t size = fmi_shape_size(node->shape);
    uses u = uses_of(p, i);
    add_buffer(p, s, &np->out, size, u.grad_reads, i, u.last_read);
    add_buffer(p, s, &np->extra, (back && np->needs) || tangent ? node->extra : 0, false, i,
               back && np->needs ? 2 * n - i : i);
    if (tangent) add_buffer(p, s, &np->t_out, size, false, i, u.last_forward);
    if (np->needs) add_buffer(p, s, &np->d_out, size, node->n_params > 0, u.first_gradient, 2 * n - i);
  }
  p->tile_reals = place(s);
}

static void place_packed(fmi_plan *p, bool use_blas) {
  for (size_t i = 0; i < p->net->n_nodes; i++) {
    const fmi_node *node = &p->net->nodes[i];
    fmi_node_plan *np = &p->nodes[i];
    np->packed = np->packed_back = SIZE_MAX;
    if (node->weight_out == 0 || (use_blas && node->weight_out * node->weight_in >= BLAS_MIN_WEIGHTS))
      continue;
    np->packed = p->packed_reals;
    p->packed_reals = fmi_add_size(p->packed_reals, fmi_packed_count(node->weight_in, node->weight_out));
    if (!(p->wants & FMI_WANT_BACKWARD)) continue;
    np->packed_back = p->packed_reals;
    p->packed_reals = fmi_add_size(p->packed_reals, fmi_packed_count(node->weight_out, node->weight_in));
  }
}

static void list_parts(fmi_plan *p) {
  for (size_t i = p->net->n_nodes; i-- > 0;)
    for (size_t part = 0; part < p->net->nodes[i].grad_parts && (p->wants & FMI_WANT_GRAD); part++)
      p->parts[p->n_parts++] = (fmi_grad_part){i, part};
}

static void size_scratch(fmi_plan *p) {
  for (size_t i = 0; i < p->net->n_nodes; i++) {
    const fmi_node *node = &p->net->nodes[i];
    if (node->op->scratch)
      p->scratch_reals = fmi_max(p->scratch_reals, node->op->scratch(node, fmi_max(p->tile, p->batch)));
  }
}

fmi_plan *fmi_plan_new(fmi_memory *memory, const fm_net *net, const fmi_kernels *kernels, uint32_t wants,
                       size_t tile, size_t batch, bool use_blas, fmi_error *err) {
  size_t n_parts = 0;
  for (size_t i = 0; i < net->n_nodes; i++) n_parts += net->nodes[i].grad_parts;
  fmi_plan *p = fmi_alloc(memory, 1, sizeof *p, err);
  if (p == NULL) return NULL;
  *p = (fmi_plan){.memory = memory,
                  .net = fmi_retain(net),
                  .kernels = kernels,
                  .wants = wants,
                  .tile = tile,
                  .batch = batch};
  spans s = {.list = fmi_alloc(memory, 4 * net->n_nodes, sizeof *s.list, err)};
  p->nodes = s.list ? fmi_alloc(memory, net->n_nodes, sizeof *p->nodes, err) : NULL;
  p->parts = p->nodes ? fmi_alloc(memory, n_parts, sizeof *p->parts, err) : NULL;
  if (p->parts == NULL) {
    fmi_free(memory, s.list);
    fmi_plan_free(p);
    return NULL;
  }
  mark_needs(p);
  mark_adds(p);
  place_values(p, &s);
  place_packed(p, use_blas);
  list_parts(p);
  size_scratch(p);
  fmi_free(memory, s.list);
  return p;
}

void fmi_plan_free(fmi_plan *p) {
  if (p == NULL) return;
  fmi_free(p->memory, p->parts);
  fmi_free(p->memory, p->nodes);
  fmi_release(p->net);
  fmi_free(p->memory, p);
}

void fmi_plan_pack_node(const fmi_plan *p, size_t i, const real *params, real *packed) {
  const fmi_node *node = &p->net->nodes[i];
  const fmi_node_plan *np = &p->nodes[i];
  const real *w = params + node->params; /* [out][in] */
  if (np->packed != SIZE_MAX)
    p->kernels->pack(node->weight_in, node->weight_out, w, 1, node->weight_in, packed + np->packed);
  if (np->packed_back != SIZE_MAX)
    p->kernels->pack(node->weight_out, node->weight_in, w, node->weight_in, 1, packed + np->packed_back);
}

void fmi_plan_pack(const fmi_plan *p, const real *params, real *packed) {
  for (size_t i = 0; i < p->net->n_nodes; i++) fmi_plan_pack_node(p, i, params, packed);
}
