/* gate_speed.c - a training step of default contexts against the sgemm floor, one thread. */
#include "floor.h"
#include "gates.h"

#include <stdio.h>

static void speed_case(gate_log *log, const bench_size *size, double bound) {
  fm_ctx_options defaults;
  fm_ctx_options_init(&defaults);
  bench_training training;
  bench_training_create(&training, &defaults, size, true);
  bench_floor *floor = bench_floor_create(size);
  bench_run runs[2] = {
      {.name = "step", .run = bench_training_run, .self = &training},
      {.name = "floor", .run = bench_floor_run, .self = floor},
  };
  /* The floor is one thread's. The training was made before, with the BLAS as a host finds it: it keeps to
     the kernels that it chose then. */
  int blas_threads = bench_blas_get_threads();
  bench_blas_set_threads(1);
  bench_interleave(runs, 2, 3.0);
  bench_blas_set_threads(blas_threads);
  char name[64], what[128];
  snprintf(what, sizeof what, "%s (batch, dim, width, layers): %.1f us / %.1f us",
           bench_size_name(size, name), 1e6 * runs[0].median, 1e6 * runs[1].median);
  double ratio = bench_ratio(&runs[0], &runs[1]);
  if (bound > 0)
    gate_check(log, what, ratio, bound);
  else
    gate_inform(what, ratio);
  bench_floor_destroy(floor);
  bench_training_destroy(&training);
}

void gate_speed(gate_log *log) {
  if (!bench_blas_get_threads()) {
    gate_note("built without a BLAS: no floor to measure against, nothing checked");
    return;
  }
  static const double bounds[BENCH_N_SIZES] = {2.0, 1.25, 1.25, 0};
  for (size_t i = 0; i < BENCH_N_SIZES; i++) speed_case(log, &bench_sizes[i], bounds[i]);
}
