/* sliced.c - the sliced 2-Wasserstein distance (Bonneel, Rabin, Peyre & Pfister, "Sliced and Radon
   Wasserstein barycenters of measures", JMIV 51, 2015). On a line the best plan is known: quantiles go
   together. */
#include "eval/eval.h"

#include "core/rng.h"

#include <math.h>

typedef struct slot {
  double *direction, *x, *y, *scratch; /* [dim], [n], [m], [the larger] */
  void *noise;
} slot;

typedef struct sliced_job {
  const fmi_two *two;
  slot *slots;
  double *squared; /* [n_directions] */
  atomic_bool stopped;
} sliced_job;

/* Uniform on the sphere, keyed by its index. */
static void draw_direction(const fmi_two *two, uint64_t index, const slot *s) {
  fmi_normals(two->rt->kernels, two->options->seed ^ FMI_EVAL_SEED, FMI_STREAM_DIRECTIONS, index, two->dim,
              s->direction, s->noise);
  double length = 0;
  for (size_t k = 0; k < two->dim; k++) length += s->direction[k] * s->direction[k];
  for (size_t k = 0; k < two->dim; k++) s->direction[k] /= sqrt(length);
}

static void project(const double *rows, size_t n, size_t dim, const double *direction, double *out) {
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t k = 0; k < dim; k++) sum += rows[i * dim + k] * direction[k];
    out[i] = sum;
  }
}

/* Rows have masses 1 / n and 1 / m: counted in units of 1 / (n m), which are whole numbers. */
static double quantile_cost(const double *x, size_t n, const double *y, size_t m) {
  double sum = 0;
  uint64_t at = 0;
  for (size_t i = 0, j = 0; i < n && j < m;) {
    const uint64_t end_x = (uint64_t)(i + 1) * m, end_y = (uint64_t)(j + 1) * n;
    const uint64_t end = end_x < end_y ? end_x : end_y;
    sum += (double)(end - at) * (x[i] - y[j]) * (x[i] - y[j]);
    at = end;
    i += end == end_x;
    j += end == end_y;
  }
  return sum / ((double)n * (double)m);
}

static fm_status direction_item(void *arg, size_t item, size_t index, fmi_error *err) {
  sliced_job *job = arg;
  const fmi_two *two = job->two;
  const slot *s = &job->slots[index];
  if (fmi_runtime_stopped(two->rt)) atomic_store(&job->stopped, true);
  if (atomic_load_explicit(&job->stopped, memory_order_relaxed))
    return fmi_fail(err, FM_STOPPED, "stopped while rows were projected");
  draw_direction(two, item, s);
  project(two->x, two->n, two->dim, s->direction, s->x);
  project(two->y, two->m, two->dim, s->direction, s->y);
  fmi_sort(s->x, two->n, s->scratch);
  fmi_sort(s->y, two->m, s->scratch);
  job->squared[item] = quantile_cost(s->x, two->n, s->y, two->m);
  return FM_OK;
}

static void carve(sliced_job *job, size_t width, fmi_arena *a) {
  const fmi_two *two = job->two;
  job->squared = fmi_arena_take(a, two->options->n_directions, sizeof *job->squared);
  job->slots = fmi_arena_take(a, width, sizeof *job->slots);
  for (size_t i = 0; i < width; i++) {
    slot s;
    s.direction = fmi_arena_take(a, two->dim, sizeof *s.direction);
    s.x = fmi_arena_take(a, two->n, sizeof *s.x);
    s.y = fmi_arena_take(a, two->m, sizeof *s.y);
    s.scratch = fmi_arena_take(a, fmi_max(two->n, two->m), sizeof *s.scratch);
    s.noise = fmi_arena_take(a, fmi_prior_scratch(two->dim), 1);
    if (job->slots != NULL) job->slots[i] = s;
  }
}

static fm_status measure(const fmi_two *two, double *value, fmi_error *err) {
  const size_t width = fmi_pool_width(two->rt->pool), n_directions = (size_t)two->options->n_directions;
  sliced_job job = {.two = two};
  fmi_arena arena = {NULL, 0};
  carve(&job, width, &arena);
  void *block = fmi_alloc(two->rt->memory, 1, arena.used, err);
  if (block == NULL) return FM_E_NOMEM;
  arena = (fmi_arena){block, 0};
  carve(&job, width, &arena);
  fmi_loop loop = {direction_item, &job, n_directions, width};
  const fm_status status = fmi_loop_run(two->rt, &loop, err);
  double mean = 0;
  for (size_t i = 0; i < n_directions; i++) mean += job.squared[i] / (double)n_directions;
  *value = sqrt(mean);
  fmi_free(two->rt->memory, block);
  return status;
}

const fmi_metric fmi_metric_sliced_w2 = {
    .kind = FM_METRIC_SLICED_W2, .name = "sliced W2", .least = 1, .measure = measure};
