/* time.c - features of t [rows]: cos and sin of 1000 t f_i with f_i = 10000^(-i / half), cosines first (the
   sinusoidal embedding of Vaswani et al. 2017 as diffusion models use it); with attribute 0 = 0, t itself.
   Attribute 0: half the number of features. Constants: f_0 .. f_half-1. */
#include "op/op.h"

#include <math.h>

#define TIME_SCALE 1000.0

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = (fmi_shape){1, node->attribute[0] ? fmi_mul_size(2, node->attribute[0]) : 1};
}

static size_t scratch(const fmi_node *node, size_t rows) {
  (void)rows;
  return fmi_mul_size(3, node->attribute[0]);
}

/* Angles are formed in double: at 1000 rad a float's spacing is 6e-5. */
static void angles(const fmi_call *c, double t, real *out) {
  const double two_pi = 6.283185307179586477;
  for (size_t i = 0; i < c->node->attribute[0]; i++) {
    double angle = TIME_SCALE * t * c->node->constants[i];
    out[i] = (real)(angle - two_pi * (double)(int64_t)(angle / two_pi));
  }
}

static fm_status forward(const fmi_call *c) {
  size_t half = c->node->attribute[0];
  for (size_t r = 0; r < c->rows; r++) {
    real *out = c->out + r * (half ? 2 * half : 1);
    if (half == 0) {
      *out = (real)c->outside->t[r];
      continue;
    }
    if (r > 0 && c->outside->t[r] == c->outside->t[r - 1]) { /* sampling by fixed steps */
      memcpy(out, out - 2 * half, 2 * half * sizeof *out);
      continue;
    }
    angles(c, c->outside->t[r], c->scratch);
    c->kernels->sincos(out + half, out, c->scratch, half);
  }
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) { /* no gradient flows to t */
  (void)c;
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  size_t half = c->node->attribute[0], n = half ? 2 * half : 1;
  for (size_t r = 0; r < c->rows; r++) {
    double dt = c->outside->dt ? c->outside->dt[r] : 0;
    const real *y = c->out + r * n;
    real *ty = c->t_out + r * n;
    if (half == 0) *ty = (real)dt;
    for (size_t i = 0; i < half; i++) {
      real rate = (real)(TIME_SCALE * c->node->constants[i] * dt);
      ty[i] = -y[half + i] * rate;
      ty[half + i] = y[i] * rate;
    }
  }
  return FM_OK;
}

const fmi_op fmi_op_time = {.name = "time",
                            .n_inputs = 0,
                            .setup = setup,
                            .scratch = scratch,
                            .forward = forward,
                            .vjp = vjp,
                            .jvp = jvp};
