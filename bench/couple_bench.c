/* couple_bench.c - what pairing a batch costs: noise with a ring of eight Gaussians, or with as many in more
   dimensions, in milliseconds of CPU time on one thread. bench/peers/couple_scipy.py compares the assignment
   with SciPy's. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct pairing {
  fm_ctx *ctx;
  fm_coupling *coupling;
  double *x0, *x1;
  uint64_t *index;
  size_t n;
  fm_coupling_stats stats;
} pairing;

/* About normal: the sum of twelve uniform numbers. */
static void fill_normals(double *x, size_t n, uint64_t seed) {
  float *uniform = bench_alloc(12 * n, sizeof *uniform);
  bench_fill(uniform, 12 * n, 1, seed);
  for (size_t i = 0; i < n; i++) {
    x[i] = 0;
    for (size_t k = 0; k < 12; k++) x[i] += 0.5 * (double)uniform[12 * i + k];
  }
  free(uniform);
}

static pairing pairing_create(fm_ctx *ctx, uint32_t kind, size_t n, size_t dim) {
  pairing p = {.ctx = ctx, .n = n};
  fm_coupling_options options;
  fm_coupling_options_init(&options);
  options.kind = kind;
  options.tolerance = kind == FM_COUPLING_SINKHORN ? 1e-3 : 0;
  fm_coupling_stats_init(&p.stats);
  BENCH_OK(ctx, fm_coupling_create(ctx, n, dim, 0, 0, &options, &p.coupling));
  p.x0 = bench_alloc(n * dim, sizeof *p.x0);
  p.x1 = bench_alloc(n * dim, sizeof *p.x1);
  p.index = bench_alloc(n, sizeof *p.index);
  fill_normals(p.x0, n * dim, 1);
  fill_normals(p.x1, n * dim, 2);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < dim; k++) {
      const double angle = 0.785398163397448 * (double)((i * 5 + k / 2) % 8);
      p.x1[i * dim + k] = 1.4 * (k % 2 ? sin(angle) : cos(angle)) + 0.2 * p.x1[i * dim + k];
    }
  return p;
}

static void pairing_run(void *self) {
  pairing *p = self;
  BENCH_OK(p->ctx, fm_coupling_pair_f64(p->ctx, p->coupling, p->x0, p->x1, NULL, NULL, p->n, 1, 0, p->index,
                                        NULL, &p->stats));
}

static void pairing_destroy(pairing *p) {
  fm_coupling_destroy(p->coupling);
  free(p->x0);
  free(p->x1);
  free(p->index);
}

int main(void) {
  static const size_t sizes[] = {128, 256, 512, 1024}, dims[] = {2, 64};
  fm_ctx *ctx = NULL;
  BENCH_OK(NULL, fm_ctx_create(NULL, &ctx));
  printf("Pairing a batch, milliseconds\n%6s %6s %14s %14s %12s\n", "rows", "dim", "assignment",
         "Sinkhorn 0.05", "iterations");
  for (size_t d = 0; d < 2; d++)
    for (size_t i = 0; i < 4; i++) {
      pairing exact = pairing_create(ctx, FM_COUPLING_OT, sizes[i], dims[d]);
      pairing entropic = pairing_create(ctx, FM_COUPLING_SINKHORN, sizes[i], dims[d]);
      bench_run runs[] = {{.run = pairing_run, .self = &exact}, {.run = pairing_run, .self = &entropic}};
      bench_interleave(runs, 2, 1);
      printf("%6zu %6zu %14.3f %14.3f %12llu\n", sizes[i], dims[d], 1e3 * runs[0].median,
             1e3 * runs[1].median, (unsigned long long)entropic.stats.iterations);
      pairing_destroy(&exact);
      pairing_destroy(&entropic);
    }
  fm_ctx_destroy(ctx);
  return 0;
}
