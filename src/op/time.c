/* time.c - features of t [rows][times]: cos and sin of 1000 t f_i with f_i = 10000^(-i / half), cosines first (the
   sinusoidal embedding of Vaswani et al. 2017 as diffusion models use it); with attribute 0 = 0, t itself. With
   a second time r those of r - t follow (Geng et al., "Mean Flows for One-step Generative Modeling", 2025), and
   the net's f_i are lower.
   Attribute 0: half the number of a time's features; 1: the number of times, 0 for one. Constants: f_0 ..
   f_half-1. */
#include "op/op.h"

#include <math.h>

#define TIME_SCALE 1000.0

static size_t times_of(const fmi_node *node) { return node->attribute[1] ? node->attribute[1] : 1; }
/* Features of one time. */
static size_t features_of(const fmi_node *node) {
  return node->attribute[0] ? fmi_mul_size(2, node->attribute[0]) : 1;
}

static void setup(fmi_node *node, const fmi_rows *sizes) {
  (void)sizes;
  node->shape = (fmi_shape){1, fmi_mul_size(times_of(node), features_of(node))};
}

static size_t scratch(const fmi_node *node, size_t rows) {
  (void)rows;
  return fmi_mul_size(3, node->attribute[0]);
}

/* Of a row's times, and of their tangents: the first, or how far the k-th is from it. */
static double told(const double *t, size_t k) { return k == 0 ? t[0] : t[k] - t[0]; }

/* Angles are formed in double: at 1000 rad a float's spacing is 6e-5. */
static void angles(const fmi_call *c, double t, real *out) {
  const double two_pi = 6.283185307179586477;
  for (size_t i = 0; i < c->node->attribute[0]; i++) {
    double angle = TIME_SCALE * t * c->node->constants[i];
    out[i] = (real)(angle - two_pi * (double)(int64_t)(angle / two_pi));
  }
}

static fm_status forward(const fmi_call *c) {
  const size_t half = c->node->attribute[0], times = times_of(c->node), n = features_of(c->node);
  for (size_t r = 0; r < c->rows; r++) {
    const double *t = c->outside->t + r * times;
    for (size_t k = 0; k < times; k++) {
      const double now = told(t, k);
      real *out = c->out + (r * times + k) * n;
      if (half == 0) {
        *out = (real)now;
      } else if (r > 0 && now == told(t - times, k)) { /* sampling by fixed steps */
        memcpy(out, out - times * n, n * sizeof *out);
      } else {
        angles(c, now, c->scratch);
        c->kernels->sincos(out + half, out, c->scratch, half);
      }
    }
  }
  return FM_OK;
}

static fm_status vjp(const fmi_call *c) { /* no gradient flows to t */
  (void)c;
  return FM_OK;
}

static fm_status jvp(const fmi_call *c) {
  const size_t half = c->node->attribute[0], times = times_of(c->node), n = features_of(c->node);
  for (size_t i = 0; i < c->rows * times; i++) {
    const double dt = c->outside->dt ? told(c->outside->dt + i / times * times, i % times) : 0;
    const real *y = c->out + i * n;
    real *ty = c->t_out + i * n;
    if (half == 0) *ty = (real)dt;
    for (size_t j = 0; j < half; j++) {
      real rate = (real)(TIME_SCALE * c->node->constants[j] * dt);
      ty[j] = -y[half + j] * rate;
      ty[half + j] = y[j] * rate;
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
