/* run.c - the three loops: forward (with tangents), backward, and the parameters' gradient. */
#include "net/net.h"

fmi_workspace fmi_workspace_take(fmi_arena *arena, const fmi_plan *plan) {
  fmi_workspace work;
  work.tile = fmi_arena_take(arena, plan->tile_reals, sizeof(real));
  work.scratch = fmi_arena_take(arena, plan->scratch_reals, sizeof(real));
  return work;
}

static real *at(const fmi_buffer *b, size_t first, const fmi_workspace *work, real *batch_block) {
  if (b->size == 0) return NULL;
  return b->whole ? batch_block + b->offset + first * b->size : work->tile + b->offset;
}

/* A call on node i with its values of the forward pass filled in. */
static fmi_call call_of(const fmi_plan *p, size_t i, const fmi_weights *weights, const fmi_rows *rows,
                        size_t first, size_t n, const fmi_workspace *work, real *batch_block,
                        fmi_error *err) {
  const fmi_node *node = &p->net->nodes[i];
  const fmi_node_plan *np = &p->nodes[i];
  fmi_call c = {.kernels = p->kernels,
                .node = node,
                .outside = rows,
                .rows = n,
                .params = weights->params + node->params,
                .scratch = work->scratch,
                .err = err};
  c.packed = np->packed == SIZE_MAX ? NULL : weights->packed + np->packed;
  c.packed_back = np->packed_back == SIZE_MAX ? NULL : weights->packed + np->packed_back;
  c.out = at(&np->out, first, work, batch_block);
  c.extra = at(&np->extra, first, work, batch_block);
  for (size_t j = 0; j < node->n_inputs; j++)
    c.in[j] = at(&p->nodes[node->input[j]].out, first, work, batch_block);
  return c;
}

fm_status fmi_run_forward(const fmi_plan *p, const fmi_weights *weights, const fmi_rows *rows, size_t first,
                          size_t n, const fmi_workspace *work, real *batch_block, fmi_error *err) {
  for (size_t i = 0; i < p->net->n_nodes; i++) {
    const fmi_node *node = &p->net->nodes[i];
    fmi_call c = call_of(p, i, weights, rows, first, n, work, batch_block, err);
    FMI_TRY(node->op->forward(&c));
    if (!(p->wants & FMI_WANT_TANGENT)) continue;
    for (size_t j = 0; j < node->n_inputs; j++)
      c.t_in[j] = at(&p->nodes[node->input[j]].t_out, 0, work, NULL);
    c.t_out = at(&p->nodes[i].t_out, 0, work, NULL);
    FMI_TRY(node->op->jvp(&c));
  }
  return FM_OK;
}

const real *fmi_run_output(const fmi_plan *p, size_t first, const fmi_workspace *work,
                           const real *batch_block) {
  return at(&p->nodes[p->net->output].out, first, work, (real *)(uintptr_t)batch_block);
}

const real *fmi_run_tangent(const fmi_plan *p, const fmi_workspace *work) {
  return at(&p->nodes[p->net->output].t_out, 0, work, NULL);
}

real *fmi_run_d_output(const fmi_plan *p, size_t first, const fmi_workspace *work, real *batch_block) {
  return at(&p->nodes[p->net->output].d_out, first, work, batch_block);
}

fm_status fmi_run_backward(const fmi_plan *p, const fmi_weights *weights, const fmi_rows *rows, size_t first,
                           size_t n, const fmi_workspace *work, real *batch_block, fmi_error *err) {
  for (size_t i = p->net->n_nodes; i-- > 0;) {
    const fmi_node *node = &p->net->nodes[i];
    if (!p->nodes[i].needs) continue;
    fmi_call c = call_of(p, i, weights, rows, first, n, work, batch_block, err);
    c.d_out = at(&p->nodes[i].d_out, first, work, batch_block);
    for (size_t j = 0; j < node->n_inputs; j++) {
      const fmi_node_plan *source = &p->nodes[node->input[j]];
      c.d_in[j] = source->needs ? at(&source->d_out, first, work, batch_block) : NULL;
      c.add_in[j] = p->nodes[i].add[j];
    }
    FMI_TRY(node->op->vjp(&c));
  }
  return FM_OK;
}

fm_status fmi_run_grad(const fmi_plan *p, size_t i, const fmi_weights *weights, const fmi_rows *rows,
                       size_t n, const fmi_workspace *work, real *batch_block, real *grad, fmi_error *err) {
  const fmi_grad_part *part = &p->parts[i];
  const fmi_node *node = &p->net->nodes[part->node];
  fmi_call c = call_of(p, part->node, weights, rows, 0, n, work, batch_block, err);
  c.d_out = at(&p->nodes[part->node].d_out, 0, work, batch_block);
  c.d_params = grad + node->params;
  return node->op->grad(&c, part->part);
}
