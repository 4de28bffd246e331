/* couple_fixture.h - rows to pair, and the small problem of known answers. */
#ifndef COUPLE_FIXTURE_H
#define COUPLE_FIXTURE_H

#include "fixture.h"

#include "api/api.h"
#include "couple/couple.h"

/* Four rows in the plane whose best assignment is 0 -> 1, 1 -> 3, 2 -> 2, 3 -> 0, 6.25 in all. */
static const double four_x0[] = {0, 0, 1, 0, 0, 1, 2, 2}, four_x1[] = {2, 1, 0, .5, 1, 1, 3, 0};

typedef struct coupled {
  fm_coupling *coupling;
  uint64_t x0_index[1024], x1_index[1024];
  fm_coupling_stats stats;
  fm_status status;
} coupled;

/* Pairs the rows; the caller looks at the status and frees. */
static inline coupled *couple(fm_ctx *ctx, fm_coupling_options o, const double *x0, const double *x1,
                              size_t n, size_t dim, uint64_t seed) {
  coupled *c = new_block(1, sizeof *c);
  o.struct_size = sizeof o;
  fm_coupling_stats_init(&c->stats);
  OK(fm_coupling_create(ctx, n, dim, 0, 0, &o, &c->coupling));
  c->status = fm_coupling_pair_f64(ctx, c->coupling, x0, x1, NULL, NULL, n, seed, 0, c->x0_index, c->x1_index,
                                   &c->stats);
  return c;
}
static inline void free_coupled(coupled *c) {
  fm_coupling_destroy(c->coupling);
  free(c);
}
static inline double *plan_of(fm_ctx *ctx, const coupled *c, size_t n) {
  double *plan = new_block(n * n, sizeof *plan);
  OK(fm_coupling_plan(ctx, c->coupling, plan));
  return plan;
}

static inline double *normals(size_t n, uint64_t seed) {
  double *x = new_block(n, sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = next_normal(&seed);
  return x;
}

/* Costs from a table. */
static inline int32_t table_cost(void *user, const fm_cost_request *r) {
  memcpy(r->cost, user, r->n * r->n * sizeof *r->cost);
  return 0;
}
static inline int32_t distance_cost(void *user, const fm_cost_request *r) {
  (void)user;
  for (size_t i = 0; i < r->n; i++)
    for (size_t j = 0; j < r->n; j++) {
      double sum = 0;
      for (size_t k = 0; k < r->dim; k++) {
        const double d = r->x0[i * r->dim + k] - r->x1[j * r->dim + k];
        sum += d * d;
      }
      r->cost[i * r->n + j] = sqrt(sum);
    }
  return 0;
}
#endif
