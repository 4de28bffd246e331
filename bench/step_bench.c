/* step_bench.c - a training step against the floor of its matrix products. With --rows it prints the lines
   that bench/peers reads instead of a table; an argument "1" to "4" chooses one size, a second one gives the
   seconds to measure it for. */
#include "floor.h"

#include <stdio.h>
#include <stdlib.h>

enum { FLOOR, OWN, AUTO, RESIDUAL, N_RUNS };

typedef struct step_case {
  const bench_size *size;
  bench_floor *floor;
  bench_training own, any, residual;
  bench_run runs[N_RUNS];
} step_case;

static void step_case_create(step_case *c, const bench_size *size) {
  fm_ctx_options own, any;
  fm_ctx_options_init(&own);
  fm_ctx_options_init(&any);
  own.blas = FM_BLAS_NEVER;
  any.blas = FM_BLAS_AUTO;
  memset(c, 0, sizeof *c);
  c->size = size;
  c->floor = bench_floor_create(size);
  bench_training_create(&c->own, &own, size, true);
  bench_training_create(&c->any, &any, size, true);
  bench_training_create(&c->residual, NULL, size, false);
  c->runs[FLOOR] = (bench_run){.name = "floor", .run = bench_floor_run, .self = c->floor};
  c->runs[OWN] = (bench_run){.name = "own", .run = bench_training_run, .self = &c->own};
  c->runs[AUTO] = (bench_run){.name = "cblas", .run = bench_training_run, .self = &c->any};
  c->runs[RESIDUAL] = (bench_run){.name = "residual", .run = bench_training_run, .self = &c->residual};
}

static void step_case_destroy(step_case *c) {
  bench_floor_destroy(c->floor);
  bench_training_destroy(&c->own);
  bench_training_destroy(&c->any);
  bench_training_destroy(&c->residual);
}

static void print_rows(const step_case *c, const char *name) {
  if (c->floor) bench_print_row("sgemm-floor", "step", name, c->runs[FLOOR].median);
  bench_print_row("own", "step", name, c->runs[OWN].median);
  bench_print_row("cblas", "step", name, c->runs[AUTO].median);
}

static void print_line(const step_case *c, const char *name) {
  const bench_run *r = c->runs;
  printf("%-16s", name);
  if (c->floor) {
    printf("%11.1f %11.1f %6.2f %11.1f %6.2f", 1e6 * r[FLOOR].median, 1e6 * r[OWN].median,
           bench_ratio(&r[OWN], &r[FLOOR]), 1e6 * r[AUTO].median, bench_ratio(&r[AUTO], &r[FLOOR]));
  } else {
    printf("%11s %11.1f %6s %11.1f %6s", "-", 1e6 * r[OWN].median, "-", 1e6 * r[AUTO].median, "-");
  }
  printf(" %14.1f\n", 1e6 * r[RESIDUAL].median);
}

static void print_head(void) {
  fm_ctx *ctx = NULL;
  fm_ctx_info info;
  fm_ctx_info_init(&info);
  BENCH_OK(NULL, fm_ctx_create(NULL, &ctx));
  BENCH_OK(ctx, fm_ctx_get_info(ctx, &info));
  printf("Training step, one thread, microseconds of CPU time (medians of interleaved runs). BLAS: %s, %s\n",
         info.blas_name, info.blas_used ? "used by default contexts" : "not used by default contexts");
  if (!bench_blas_get_threads()) puts("Built without a BLAS: there is no floor to compare with.");
  printf("%-16s%11s %11s %6s %11s %6s %14s\n", "batch dim w L", "floor", "own kernels", "ratio", "with CBLAS",
         "ratio", "residual MLP");
  fm_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
  bool rows = argc > 1 && strcmp(argv[1], "--rows") == 0;
  const char *only = !rows && argc > 1 ? argv[1] : NULL;
  double seconds = only && argc > 2 ? atof(argv[2]) : 3.0;
  bench_blas_set_threads(1); /* before any context is made: AUTO then takes the BLAS */
  if (!rows) print_head();
  step_case *c = bench_alloc(1, sizeof *c);
  for (size_t i = 0; i < BENCH_N_SIZES; i++) {
    if (only && (size_t)atoi(only) != i + 1) continue;
    char name[64];
    bench_size_name(&bench_sizes[i], name);
    step_case_create(c, &bench_sizes[i]);
    bench_run *first = c->floor ? &c->runs[FLOOR] : &c->runs[OWN];
    size_t last = rows ? AUTO : RESIDUAL; /* peers have no residual MLP: don't spend its time there */
    bench_interleave(first, (size_t)(&c->runs[last] - first) + 1, seconds);
    if (rows)
      print_rows(c, name);
    else
      print_line(c, name);
    fflush(stdout);
    step_case_destroy(c);
  }
  free(c);
  return 0;
}
