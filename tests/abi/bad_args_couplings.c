/* Bad arguments of couplings. */
#include "bad_args.h"

#include <string.h>

ABOUT(fm_coupling_create) {
  NO_CTX_MADE(fm_coupling, fm_coupling_create(NULL, N, 2, 1, 2, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_coupling_create(g.ctx, N, 2, 1, 2, NULL, NULL));
  BAD_SIZES(fm_coupling, fm_coupling_options, fm_coupling_create(g.ctx, N, 2, 1, 2, options, &made));
  NOT_MADE(fm_coupling, FM_E_INVALID, "n:", fm_coupling_create(g.ctx, 0, 2, 1, 2, NULL, &made));
  NOT_MADE(fm_coupling, FM_E_INVALID, "n:", fm_coupling_create(g.ctx, SIZE_MAX, 2, 1, 2, NULL, &made));
  NOT_MADE(fm_coupling, FM_E_NOMEM, "", fm_coupling_create(g.ctx, UINT32_MAX - 1, 2, 1, 2, NULL, &made));
  NOT_MADE(fm_coupling, FM_E_INVALID, "dim:", fm_coupling_create(g.ctx, N, 0, 1, 2, NULL, &made));
  NOT_MADE(fm_coupling, FM_E_NOMEM, "", fm_coupling_create(g.ctx, N, SIZE_MAX, 1, 2, NULL, &made));
  NOT_MADE(fm_coupling, FM_E_NOMEM, "", fm_coupling_create(g.ctx, N, 2, 1, SIZE_MAX, NULL, &made));
#define NO_COUPLING(expected, word, ...)                                                                     \
  NOT_MADE(fm_coupling, expected, word,                                                                      \
           fm_coupling_create(g.ctx, N, 2, 1, 2, WITH(fm_coupling_options, __VA_ARGS__), &made))
  NO_COUPLING(FM_E_UNSUPPORTED, "kind:", .kind = 6);
  NO_COUPLING(FM_E_UNSUPPORTED, "kind:", .kind = UINT32_MAX);
  /* What a kind doesn't use. */
  NO_COUPLING(FM_E_INVALID, "max_iterations:", .max_iterations = 1);
  NO_COUPLING(FM_E_INVALID, "regularisation:", .regularisation = 1);
  NO_COUPLING(FM_E_INVALID, "regularisation:", .kind = FM_COUPLING_BRIDGE, .regularisation = 1);
  NO_COUPLING(FM_E_INVALID, "relaxation:", .kind = FM_COUPLING_SINKHORN, .relaxation = 1);
  NO_COUPLING(FM_E_INVALID, "tolerance:", .tolerance = 1e-3);
  NO_COUPLING(FM_E_INVALID, "bridge_width:", .kind = FM_COUPLING_SINKHORN, .bridge_width = 1);
  NO_COUPLING(FM_E_INVALID, "class_weight:", .kind = FM_COUPLING_INDEPENDENT, .class_weight = 1);
  /* Numbers. */
  NO_COUPLING(FM_E_INVALID, "regularisation:", .kind = FM_COUPLING_SINKHORN, .regularisation = -1);
  NO_COUPLING(FM_E_INVALID, "regularisation:", .kind = FM_COUPLING_SINKHORN, .regularisation = NAN);
  NO_COUPLING(FM_E_INVALID, "relative_regularisation:", .kind = FM_COUPLING_SINKHORN, .regularisation = 1,
              .relative_regularisation = 1);
  NO_COUPLING(FM_E_INVALID, "relative_regularisation:", .kind = FM_COUPLING_SINKHORN,
              .relative_regularisation = INFINITY);
  NO_COUPLING(FM_E_INVALID, "relaxation:", .kind = FM_COUPLING_UNBALANCED, .relaxation = -1);
  NO_COUPLING(FM_E_INVALID, "tolerance:", .kind = FM_COUPLING_SINKHORN, .tolerance = 2);
  NO_COUPLING(FM_E_INVALID, "class_weight:", .class_weight = NAN);
  NO_COUPLING(FM_E_INVALID, "condition_weight:", .condition_weight = INFINITY);
  NO_COUPLING(FM_E_INVALID, "bridge_width:", .kind = FM_COUPLING_BRIDGE, .bridge_width = 11);
#undef NO_COUPLING
}

ABOUT(fm_coupling_destroy) { fm_coupling_destroy(NULL); }

/* A coupling of two columns with one class column and condition vectors of two. */
static fm_coupling *coupling(void) {
  fm_coupling *made = NULL;
  FINE(fm_coupling_create(g.ctx, N, 2, 1, 2, NULL, &made));
  return made;
}

static const float conds[2 * N] = {1, 2, 3, 4, 5, 6};

/* For both types of rows. */
#define BAD_PAIRS(pair, rows, nan_rows)                                                                      \
  do {                                                                                                       \
    fm_coupling *c = coupling();                                                                             \
    uint64_t index[2][N] = {{9, 9, 9}, {9, 9, 9}};                                                           \
    fm_coupling_stats stats, small = {.struct_size = 1};                                                     \
    fm_coupling_stats_init(&stats);                                                                          \
    const float *cond = conds;                                                                               \
    NO_CTX(pair(NULL, c, rows, rows, labels, cond, N, 0, 0, index[0], index[1], &stats));                    \
    BAD_PAIR(pair, FM_E_INVALID, "coupling:", NULL, rows, rows, labels, cond, N, &stats);                    \
    BAD_PAIR(pair, FM_E_INVALID, "x0:", c, NULL, rows, labels, cond, N, &stats);                             \
    BAD_PAIR(pair, FM_E_INVALID, "x1:", c, rows, NULL, labels, cond, N, &stats);                             \
    BAD_PAIR(pair, FM_E_INVALID, "labels:", c, rows, rows, NULL, cond, N, &stats);                           \
    BAD_PAIR(pair, FM_E_INVALID, "cond:", c, rows, rows, labels, NULL, N, &stats);                           \
    BAD_PAIR(pair, FM_E_INVALID, "n:", c, rows, rows, labels, cond, 0, &stats);                              \
    BAD_PAIR(pair, FM_E_INVALID, "n:", c, rows, rows, labels, cond, N + 1, &stats);                          \
    BAD_PAIR(pair, FM_E_INVALID, "n:", c, rows, rows, labels, cond, HUGE_N, &stats);                         \
    BAD_PAIR(pair, FM_E_NONFINITE, "x0: ", c, nan_rows, rows, labels, cond, N, &stats);                      \
    BAD_PAIR(pair, FM_E_NONFINITE, AT_ROW_1_COLUMN_1, c, rows, nan_rows, labels, cond, N, &stats);           \
    BAD_PAIR(pair, FM_E_NONFINITE, "cond: ", c, rows, rows, labels, infinite_rows, N, &stats);               \
    BAD_PAIR(pair, FM_E_INVALID, "stats.struct_size:", c, rows, rows, labels, cond, N, &small);              \
    for (size_t i = 0; i < N; i++) ck_assert(index[0][i] == 9 && index[1][i] == 9);                          \
    ck_assert(stats.mass == 0 && stats.iterations == 0);                                                     \
    FINE(pair(g.ctx, c, rows, rows, labels, cond, N, 0, 0, NULL, NULL, NULL));                               \
    fm_coupling_destroy(c);                                                                                  \
  } while (0)
#define BAD_PAIR(pair, expected, word, c, x0, x1, labels, cond, n, stats)                                    \
  REFUSED(expected, word, pair(g.ctx, c, x0, x1, labels, cond, n, 0, 0, index[0], index[1], stats))

ABOUT(fm_coupling_pair) { BAD_PAIRS(fm_coupling_pair, rows, nan_rows); }
ABOUT(fm_coupling_pair_f64) { BAD_PAIRS(fm_coupling_pair_f64, rows64, nan_rows64); }

ABOUT(fm_coupling_plan) {
  fm_coupling *c = coupling();
  double *plan = out.f64[0];
  NO_CTX(fm_coupling_plan(NULL, c, plan));
  REFUSED(FM_E_INVALID, "coupling:", fm_coupling_plan(g.ctx, NULL, plan));
  REFUSED(FM_E_INVALID, "coupling:", fm_coupling_plan(g.ctx, c, plan));
  FINE(fm_coupling_pair(g.ctx, c, rows, rows, labels, rows, N, 0, 0, NULL, NULL, NULL));
  REFUSED(FM_E_INVALID, "plan:", fm_coupling_plan(g.ctx, c, NULL));
  fm_coupling_destroy(c);
}
