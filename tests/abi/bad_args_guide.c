/* Bad arguments of guided samplers. */
#include "bad_args.h"

#define NO_GUIDANCE(expected, word, ...)                                                                     \
  do {                                                                                                       \
    guidance = WITH(fm_guidance_options, __VA_ARGS__);                                                       \
    NOT_MADE(fm_sampler, expected, word,                                                                     \
             fm_sampler_create_guided(g.ctx, g.model, NULL, NULL, guidance, &made));                         \
  } while (0)

ABOUT(fm_sampler_create_guided) {
  const fm_guidance_options *guidance = NULL;
  const fm_solver_options *solver = WITH(fm_solver_options, .method = 1000);
  const fm_sampler_options *how = WITH(fm_sampler_options, .divergence = FM_DIVERGENCE_EXACT);
  fm_net *plain_net = NULL;
  fm_model *plain = NULL;
  NO_CTX_MADE(fm_sampler, fm_sampler_create_guided(NULL, g.model, NULL, NULL, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_sampler_create_guided(g.ctx, g.model, NULL, NULL, NULL, NULL));
  NOT_MADE(fm_sampler, FM_E_INVALID,
           "model:", fm_sampler_create_guided(g.ctx, NULL, NULL, NULL, NULL, &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED,
           "method:", fm_sampler_create_guided(g.ctx, g.model, solver, NULL, NULL, &made));
  NOT_MADE(fm_sampler, FM_E_UNSUPPORTED,
           "divergence:", fm_sampler_create_guided(g.ctx, g.model, NULL, how, NULL, &made));
  BAD_SIZES(fm_sampler, fm_guidance_options,
            fm_sampler_create_guided(g.ctx, g.model, NULL, NULL, options, &made));
  NO_GUIDANCE(FM_E_INVALID, "weight:", .weight = NAN);
  NO_GUIDANCE(FM_E_INVALID, "weight:", .weight = INFINITY);
  NO_GUIDANCE(FM_E_INVALID, "first:", .first = -.1);
  NO_GUIDANCE(FM_E_INVALID, "first:", .first = NAN);
  NO_GUIDANCE(FM_E_INVALID, "last:", .first = .5, .last = .4);
  NO_GUIDANCE(FM_E_INVALID, "last:", .last = 1.1);
  NO_GUIDANCE(FM_E_INVALID, "last:", .last = NAN);
  NO_GUIDANCE(FM_E_INVALID, "potential_scale:", .potential_scale = INFINITY);
  NO_GUIDANCE(FM_E_INVALID, "cap:", .cap = NAN);
  NO_GUIDANCE(FM_E_UNSUPPORTED, "inpainting:", .inpainting = 4);
  NO_GUIDANCE(FM_E_MISMATCH, "weaker:", .weaker = g.wide_model);
  /* A model without a condition has none to leave out. */
  FINE(fm_net_create_custom(g.ctx, 2, NULL, 0, 0, 0, own_forward, own_vjp, NULL, NULL, &plain_net));
  FINE(fm_model_create(g.ctx, plain_net, NULL, NULL, NULL, NULL, NULL, NULL, &plain));
  guidance = WITH(fm_guidance_options, .weight = 2);
  NOT_MADE(fm_sampler, FM_E_INVALID,
           "weight:", fm_sampler_create_guided(g.ctx, plain, NULL, NULL, guidance, &made));
  fm_sampler *made = NULL;
  FINE(fm_sampler_create_guided(g.ctx, plain, NULL, NULL, NULL, &made));
  float *o = out.f32[0];
  REFUSED(FM_E_INVALID, "weights:",
          fm_sampler_draw_guided(g.ctx, made, 1, 0, NULL, NULL, times, NULL, NULL, N, o, NULL, NULL));
  fm_sampler_destroy(made);
  fm_model_destroy(plain);
  fm_net_destroy(plain_net);
}

static const float soft[3 * N] = {0, 1, 0, .5f, 0, 0}, low[3 * N] = {0, 0, 0, -1}, high[3 * N] = {0, 0, 0, 2},
                            nan_mask[3 * N] = {0, 0, 0, NAN}, hard[3 * N] = {1, 0, 0, 1};
static const double row_weights[N] = {1, 2, 0}, nan_weights64[N] = {1, NAN, 0};

static fm_sampler *guided_sampler(const fm_model *model) {
  fm_sampler *made = NULL;
  FINE(fm_sampler_create_guided(g.ctx, model, NULL, NULL, NULL, &made));
  return made;
}

ABOUT(fm_sampler_draw_guided) {
  fm_sampler *s = guided_sampler(g.model);
  float *o = out.f32[0];
#define NO_DRAW(expected, word, sampler, label, cond, weights, known, mask, n, o, stats)                     \
  REFUSED(                                                                                                   \
      expected, word,                                                                                        \
      fm_sampler_draw_guided(g.ctx, sampler, 1, 0, label, cond, weights, known, mask, n, o, stats, NULL))
  NO_CTX(fm_sampler_draw_guided(NULL, s, 1, 0, labels, rows, row_weights, rows, hard, N, o, NULL, NULL));
  NO_DRAW(FM_E_INVALID, "sampler:", NULL, labels, rows, row_weights, rows, hard, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "fm_sampler_create_guided", g.sampler, labels, rows, NULL, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "labels:", s, large_labels, rows, NULL, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_NONFINITE, "cond:", s, labels, nan_rows, NULL, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_NONFINITE, "weights:", s, labels, rows, nan_weights64, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "known:", s, labels, rows, NULL, NULL, hard, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "mask:", s, labels, rows, NULL, rows, soft, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "mask:", s, labels, rows, NULL, rows, low, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "mask:", s, labels, rows, NULL, rows, high, N, o, NULL);
  NO_DRAW(FM_E_INVALID, AT_ROW_1_COLUMN_1, s, labels, rows, NULL, rows, nan_mask, N, o, NULL);
  NO_DRAW(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, labels, rows, NULL, nan_rows, hard, N, o, NULL);
  NO_DRAW(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, labels, rows, NULL, infinite_rows, NULL, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "n:", s, labels, rows, NULL, NULL, NULL, HUGE_N, o, NULL);
  NO_DRAW(FM_E_INVALID, "out:", s, labels, rows, NULL, NULL, NULL, N, NULL, NULL);
  NO_DRAW(FM_E_INVALID, "stats.struct_size", s, labels, rows, NULL, NULL, NULL, N, o, &(fm_solve_stats){0});
#undef NO_DRAW
  FINE(fm_sampler_draw_guided(g.ctx, s, 1, 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL));
  FINE(fm_sampler_draw_guided(g.ctx, s, 1, 0, NULL, NULL, NULL, nan_rows, NULL, N, o, NULL, NULL));
  fm_sampler_destroy(s);
}

ABOUT(fm_sampler_draw_guided_f64) {
  fm_sampler *s = guided_sampler(g.model);
  double *o = out.f64[0];
#define NO_DRAW(expected, word, sampler, label, cond, weights, known, mask, n, o, stats)                     \
  REFUSED(expected, word,                                                                                    \
          fm_sampler_draw_guided_f64(g.ctx, sampler, 1, 0, label, cond, weights, known, mask, n, o, stats,   \
                                     NULL))
  NO_CTX(
      fm_sampler_draw_guided_f64(NULL, s, 1, 0, labels, rows, row_weights, rows64, hard, N, o, NULL, NULL));
  NO_DRAW(FM_E_INVALID, "sampler:", NULL, labels, rows, row_weights, rows64, hard, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "fm_sampler_create_guided", g.sampler, labels, rows, NULL, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "labels:", s, low_labels, rows, NULL, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_NONFINITE, "weights:", s, labels, rows, nan_weights64, NULL, NULL, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "known:", s, labels, rows, NULL, NULL, hard, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "mask:", s, labels, rows, NULL, rows64, soft, N, o, NULL);
  NO_DRAW(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, s, labels, rows, NULL, nan_rows64, hard, N, o, NULL);
  NO_DRAW(FM_E_INVALID, "n:", s, labels, rows, NULL, NULL, NULL, HUGE_N, o, NULL);
  NO_DRAW(FM_E_INVALID, "out:", s, labels, rows, NULL, NULL, NULL, N, NULL, NULL);
  NO_DRAW(FM_E_INVALID, "stats.struct_size", s, labels, rows, NULL, NULL, NULL, N, o, &(fm_solve_stats){0});
#undef NO_DRAW
  FINE(fm_sampler_draw_guided_f64(g.ctx, s, 1, 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL));
  FINE(fm_sampler_draw_guided_f64(g.ctx, s, 1, 0, NULL, NULL, NULL, nan_rows64, NULL, N, o, NULL, NULL));
  fm_sampler_destroy(s);
}

ABOUT(fm_prefix_mask) {
  float *o = out.f32[0];
  NO_CTX(fm_prefix_mask(NULL, 8, 2, 2, 5, o));
  REFUSED(FM_E_INVALID, "overlap:", fm_prefix_mask(g.ctx, 8, 2, 2, 9, o));
  REFUSED(FM_E_INVALID, "frozen:", fm_prefix_mask(g.ctx, 8, 2, 6, 5, o));
  REFUSED(FM_E_INVALID, "length:", fm_prefix_mask(g.ctx, SIZE_MAX, 2, 2, 5, o));
  REFUSED(FM_E_INVALID, "length:", fm_prefix_mask(g.ctx, HUGE_N, HUGE_N, 2, 5, o));
  REFUSED(FM_E_INVALID, "out:", fm_prefix_mask(g.ctx, 8, 2, 2, 5, NULL));
  FINE(fm_prefix_mask(g.ctx, 0, 2, 0, 0, NULL));
  FINE(fm_prefix_mask(g.ctx, 8, 2, 0, 8, o));
}
