/* dropout.c - while training every unit is 0 with probability p and otherwise 1 / (1 - p) of itself, so that
   its mean is kept (inverted dropout; Srivastava et al., JMLR 15, 2014, sections 4 and 10). Else y = x.

   Which units fall is noise at (row, unit) of the training's seed: bits don't depend on how rows are split.
   Attribute 0: the noise column of the first unit, a multiple of 4; nodes of a net have columns of their own.
   Extra: the mask, 0 or 1 / (1 - p). Making it costs more than reading it back. */
#include "op/op.h"

#include "core/rng.h"

#define CHUNK 256u /* words at a time, a multiple of 4 */

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = node->in_shape[0];
  node->extra = fmi_shape_size(node->shape);
}

static size_t count(const fmi_call *c) { return c->rows * fmi_shape_size(c->node->shape); }

/* A row's n units. A unit falls if its word is below p 2^32. */
static void make_mask(const fmi_call *c, uint64_t row, real *mask, size_t n) {
  const double p = c->node->dropout;
  const uint32_t bound = (uint32_t)(p * 0x1p32), block = (uint32_t)(c->node->attribute[0] / 4);
  const real kept = (real)(1 / (1 - p));
  uint32_t words[CHUNK];
  for (size_t i = 0; i < n; i += CHUNK) {
    size_t now = fmi_min(CHUNK, n - i);
    fmi_rng_row_from(c->outside->seed, FMI_STREAM_UNITS, row, block + (uint32_t)(i / 4), now, words);
    for (size_t j = 0; j < now; j++) mask[i + j] = words[j] < bound ? 0 : kept;
  }
}

static fm_status forward(const fmi_call *c) {
  if (!c->outside->training) {
    fmi_put(c->kernels, false, c->out, c->in[0], count(c));
    return FM_OK;
  }
  real *mask = c->extra ? c->extra : c->out;
  size_t n = fmi_shape_size(c->node->shape);
  for (size_t r = 0; r < c->rows; r++) make_mask(c, c->outside->first_row + r, mask + r * n, n);
  c->kernels->mul(c->out, mask, c->in[0], count(c));
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) {
  if (c->d_in[0] == NULL) return FM_OK;
  if (!c->outside->training)
    fmi_put(c->kernels, c->add_in[0], c->d_in[0], c->d_out, count(c));
  else if (c->add_in[0])
    c->kernels->mul_add(c->d_in[0], c->extra, c->d_out, count(c));
  else
    c->kernels->mul(c->d_in[0], c->extra, c->d_out, count(c));
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  if (c->outside->training)
    c->kernels->mul(c->t_out, c->extra, c->t_in[0], count(c));
  else
    fmi_put(c->kernels, false, c->t_out, c->t_in[0], count(c));
  return FM_OK;
}

const fmi_op fmi_op_dropout = {
    .name = "dropout", .n_inputs = 1, .setup = setup, .forward = forward, .vjp = vjp, .jvp = jvp};
