/* pairs.c - squared distances of all pairs of two sets, tile by tile, so that none of n x m numbers is kept. */
#include "eval/eval.h"

typedef struct scan {
  const fmi_two *two;
  bool upper;
  fmi_pair_fn fn;
  void *job;
  double *turned; /* blocks of FMI_PAIR_COLUMNS rows of y: [dim][rows of the block] */
  double *tiles;  /* [slots][FMI_PAIR_ROWS][FMI_PAIR_COLUMNS] */
  atomic_bool stopped;
} scan;

static fm_status rows_item(void *arg, size_t item, size_t slot, fmi_error *err) {
  scan *s = arg;
  const fmi_two *two = s->two;
  const size_t dim = two->dim, first = item * FMI_PAIR_ROWS, rows = fmi_min(FMI_PAIR_ROWS, two->n - first);
  double *tile = s->tiles + slot * FMI_PAIR_ROWS * FMI_PAIR_COLUMNS;
  if (fmi_runtime_stopped(two->rt)) atomic_store(&s->stopped, true);
  if (atomic_load_explicit(&s->stopped, memory_order_relaxed))
    return fmi_fail(err, FM_STOPPED, "stopped while distances were taken");
  for (size_t j = 0; j < two->m; j += FMI_PAIR_COLUMNS) {
    const size_t count = fmi_min(FMI_PAIR_COLUMNS, two->m - j);
    if (s->upper && j + count <= first + 1) continue;
    two->rt->kernels->squared_distances(tile, two->x + first * dim, rows, s->turned + j * dim, count, dim);
    for (size_t i = 0; i < rows; i++) {
      const size_t skipped = s->upper && first + i + 1 > j ? fmi_min(first + i + 1 - j, count) : 0;
      if (skipped < count) s->fn(s->job, first + i, j + skipped, count - skipped, tile + i * count + skipped);
    }
  }
  return FM_OK;
}

fm_status fmi_pairs_scan(const fmi_two *two, bool upper, fmi_pair_fn fn, void *job, fmi_error *err) {
  const size_t width = fmi_pool_width(two->rt->pool), dim = two->dim;
  const size_t cells = fmi_mul_size(two->m, dim), tiles = width * FMI_PAIR_ROWS * FMI_PAIR_COLUMNS;
  scan s = {.two = two, .upper = upper, .fn = fn, .job = job};
  s.turned = fmi_alloc(two->rt->memory, fmi_add_size(cells, tiles), sizeof *s.turned, err);
  if (s.turned == NULL) return FM_E_NOMEM;
  s.tiles = s.turned + cells;
  for (size_t j = 0; j < two->m; j += FMI_PAIR_COLUMNS) {
    const size_t count = fmi_min(FMI_PAIR_COLUMNS, two->m - j);
    for (size_t i = 0; i < count; i++)
      for (size_t k = 0; k < dim; k++) s.turned[j * dim + k * count + i] = two->y[(j + i) * dim + k];
  }
  fmi_loop loop = {rows_item, &s, fmi_ceil_div(two->n, FMI_PAIR_ROWS), width};
  const fm_status status = fmi_loop_run(two->rt, &loop, err);
  fmi_free(two->rt->memory, s.turned);
  return status;
}
