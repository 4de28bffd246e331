/* Bad arguments of functions that judge samples, flows and posteriors. */
#include "bad_args.h"

#include <string.h>

/* The three things that a struct_size can do to options of a call that makes nothing. */
#define BAD_OPTION_SIZES(type, call)                                                                         \
  do {                                                                                                       \
    const type *options = &(type){.struct_size = 0};                                                         \
    REFUSED(FM_E_INVALID, #type ".struct_size", call);                                                       \
    options = LONGER(type, 1);                                                                               \
    REFUSED(FM_E_UNSUPPORTED, #type, call);                                                                  \
    options = LONGER(type, 0);                                                                               \
    FINE(call);                                                                                              \
    options = &(type){.struct_size = sizeof(uint64_t)};                                                      \
    FINE(call);                                                                                              \
  } while (0)

/* A result that a refused call leaves as it was. */
static fm_eval_result compared;
static void check_untouched_result(void) {
  ck_assert(compared.value == 0 && compared.floor_draws == 0 && compared.floor_n == 0);
}

ABOUT(fm_eval_compare) {
  fm_eval_result *r = &compared, small = {.struct_size = 1};
  const uint32_t w2 = FM_METRIC_W2, mmd = FM_METRIC_MMD2;
  const double *x = rows64;
  fm_eval_result_init(r);
  NO_CTX(fm_eval_compare(NULL, w2, x, N, x, N, 2, x, N, NULL, r));
#define NOT_COMPARED(expected, word, ...) REFUSED(expected, word, fm_eval_compare(g.ctx, __VA_ARGS__))
  NOT_COMPARED(FM_E_UNSUPPORTED, "metric:", 0, x, N, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_UNSUPPORTED, "metric:", 11, x, N, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_UNSUPPORTED, "metric:", UINT32_MAX, x, N, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "x:", w2, NULL, N, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "y:", w2, x, N, NULL, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "spare:", w2, x, N, x, N, 2, NULL, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "n:", w2, x, 0, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "m:", w2, x, N, x, 0, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "m:", w2, x, N, x, N - 1, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "n:", mmd, x, HUGE_N, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "m:", mmd, x, N, x, HUGE_N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "n_spare:", mmd, x, N, x, N, 2, x, HUGE_N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "dim:", w2, x, N, x, N, 0, x, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "n:", w2, x, N, x, N, SIZE_MAX / 4, x, N, NULL, r);
  NOT_COMPARED(FM_E_NONFINITE, "x: expected finite", w2, nan_rows64, N, x, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_NONFINITE, "y: expected finite", w2, x, N, nan_rows64, N, 2, x, N, NULL, r);
  NOT_COMPARED(FM_E_NONFINITE, "spare: expected finite", w2, x, N, x, N, 2, nan_rows64, N, NULL, r);
  NOT_COMPARED(FM_E_INVALID, "result:", w2, x, N, x, N, 2, x, N, NULL, NULL);
  NOT_COMPARED(FM_E_INVALID, "result.struct_size", w2, x, N, x, N, 2, x, N, NULL, &small);
  BAD_OPTION_SIZES(fm_eval_options, fm_eval_compare(g.ctx, w2, x, N, x, N, 2, NULL, 0, options, &compared));
  fm_eval_result_init(r);
#define BAD_OPTION(word, ...)                                                                                \
  NOT_COMPARED(FM_E_INVALID, word, w2, x, N, x, N, 2, x, N, WITH(fm_eval_options, __VA_ARGS__), r)
  BAD_OPTION("floor_draws:", .floor_draws = 1000001);
  BAD_OPTION("n_directions:", .n_directions = 1ull << 32);
  BAD_OPTION("bandwidth:", .bandwidth = -1);
  BAD_OPTION("bandwidth:", .bandwidth = NAN);
  BAD_OPTION("bandwidth:", .bandwidth = INFINITY);
  BAD_OPTION("reserved:", .reserved = 1);
#undef BAD_OPTION
  NOT_COMPARED(FM_E_INVALID, "n:", FM_METRIC_RECALL, x, N, x, N, 2, x, N,
               WITH(fm_eval_options, .n_neighbours = UINT64_MAX), r);
  const double apart[2] = {-1e300, 1e300};
  NOT_COMPARED(FM_E_NONFINITE, "", w2, apart, 1, apart + 1, 1, 1, NULL, 0, NULL, r);
  NOT_COMPARED(FM_E_NONFINITE, "metric:", FM_METRIC_ENERGY, apart, 2, apart, 2, 1, NULL, 0, NULL, r);
#undef NOT_COMPARED
  check_untouched_result();
  fm_eval_result_init(r);
  FINE(fm_eval_compare(g.ctx, w2, x, N, x, N, 2, NULL, 0, NULL, r));
}

ABOUT(fm_eval_flow) {
  fm_sampler *s = g.sampler;
  fm_eval_flow_result result, small = {.struct_size = 1}, *r = &result;
  double *e = out.f64[0];
  fm_eval_flow_result_init(r);
  NO_CTX(fm_eval_flow(NULL, s, 1, 0, labels, rows, N, rows64, NULL, e, r));
#define NO_FLOW(expected, word, ...) REFUSED(expected, word, fm_eval_flow(g.ctx, __VA_ARGS__))
  NO_FLOW(FM_E_INVALID, "sampler:", NULL, 1, 0, labels, rows, N, rows64, NULL, e, r);
  NO_FLOW(FM_E_INVALID, "labels:", s, 1, 0, large_labels, rows, N, rows64, NULL, e, r);
  NO_FLOW(FM_E_NONFINITE, "cond:", s, 1, 0, labels, nan_rows, N, rows64, NULL, e, r);
  NO_FLOW(FM_E_INVALID, "n:", s, 1, 0, labels, rows, 0, rows64, NULL, e, r);
  NO_FLOW(FM_E_INVALID, "n:", s, 1, 0, labels, rows, HUGE_N, rows64, NULL, e, r);
  NO_FLOW(FM_E_NONFINITE, "x1: expected finite", s, 1, 0, labels, rows, N, nan_rows64, NULL, e, r);
  NO_FLOW(FM_E_INVALID, "data_units:", s, 1, 0, labels, rows, N, rows64,
          WITH(fm_eval_flow_options, .data_units = 2), e, r);
  NO_FLOW(FM_E_INVALID, "result:", s, 1, 0, labels, rows, N, rows64, NULL, e, NULL);
  NO_FLOW(FM_E_INVALID, "result.struct_size", s, 1, 0, labels, rows, N, rows64, NULL, e, &small);
#undef NO_FLOW
  ck_assert(result.path_energy == 0 && result.nfe == 0);
  BAD_OPTION_SIZES(fm_eval_flow_options,
                   fm_eval_flow(g.ctx, s, 1, 0, NULL, NULL, N, rows64, options, NULL, r));
  fm_sampler *own = NULL;
  FINE(fm_sampler_create(g.ctx, g.own_model, NULL, NULL, &own));
  fm_eval_flow_result_init(r);
  callback_answer = 6;
  REFUSED(FM_E_CALLBACK, "returned 6", fm_eval_flow(g.ctx, own, 1, 0, NULL, NULL, N, NULL, NULL, e, r));
  ck_assert(result.path_energy == 0 && result.nfe == 0);
  fm_sampler_destroy(own);
}

ABOUT(fm_eval_calibration) {
  enum { ROWS = 10 };
  double truth[ROWS] = {0}, draws[2 * ROWS] = {0}, bad[2 * ROWS] = {0, 0, 0, NAN};
  uint64_t ranks[ROWS];
  fm_eval_uniformity c = {.ks = 7};
  NO_CTX(fm_eval_calibration(NULL, truth, draws, ROWS, 2, 1, NULL, ranks, &c));
#define NOT_JUDGED(expected, word, ...) REFUSED(expected, word, fm_eval_calibration(g.ctx, __VA_ARGS__))
  NOT_JUDGED(FM_E_INVALID, "truth:", NULL, draws, ROWS, 2, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "draws:", truth, NULL, ROWS, 2, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "columns:", truth, draws, ROWS, 2, 1, NULL, ranks, NULL);
  NOT_JUDGED(FM_E_INVALID, "n:", truth, draws, ROWS - 1, 2, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "n:", truth, draws, HUGE_N, 2, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "n_draws:", truth, draws, ROWS, 0, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "n_draws:", truth, draws, ROWS, SIZE_MAX, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "dim:", truth, draws, ROWS, 2, 0, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "dim:", truth, draws, ROWS, 2, SIZE_MAX, NULL, ranks, &c);
  NOT_JUDGED(FM_E_NONFINITE, "truth: expected finite", bad, draws, ROWS, 2, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_NONFINITE, "draws: expected finite", truth, bad, ROWS, 2, 1, NULL, ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "n_bins:", truth, draws, ROWS, 2, 1,
             WITH(fm_eval_calibration_options, .n_bins = 1), ranks, &c);
  NOT_JUDGED(FM_E_INVALID, "n_bins:", truth, draws, ROWS, 2, 1,
             WITH(fm_eval_calibration_options, .n_bins = 4), ranks, &c);
#undef NOT_JUDGED
  ck_assert(c.ks == 7);
  BAD_OPTION_SIZES(fm_eval_calibration_options,
                   fm_eval_calibration(g.ctx, truth, draws, ROWS, 2, 1, options, NULL, &c));
}
