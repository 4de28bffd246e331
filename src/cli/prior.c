/* prior.c - what --prior names: noise, a box around the rows, or the rows of another file. */
#include "cli/fit.h"

#include <math.h>
#include <string.h>

/* The box that the rows span. A constant column becomes one again whatever is drawn for it. */
static bool create_box(fm_ctx *ctx, const dataset *d, fm_prior **out) {
  const size_t n = fm_data_dim(d->train);
  double *low = cli_alloc(n, sizeof *low), *high = cli_alloc(n, sizeof *high);
  bool ok = dataset_column_ranges(ctx, d, low, high);
  for (size_t j = 0; ok && j < n; j++)
    if (low[j] == high[j]) high[j] += fmax(1, fabs(high[j]));
  ok = ok && cli_check(ctx, fm_prior_create_uniform(ctx, low, high, n, out), "--prior", NULL);
  free(low);
  free(high);
  return ok;
}

static bool create_rows(fm_ctx *ctx, const dataset *d, const char *file, fm_prior **out) {
  table t;
  if (!table_read(file, false, &t)) return false;
  bool ok = t.n_columns == d->rows.n_columns || cli_fail(file, NULL, "it has %zu column%s, the data %zu",
                                                         t.n_columns, S(t.n_columns), d->rows.n_columns);
  ok = ok && cli_check(ctx, fm_prior_create_shuffled_rows_f64(ctx, t.cells, t.n_rows, t.n_columns, out), file,
                       NULL);
  table_free(&t);
  return ok;
}

bool prior_create(fm_ctx *ctx, const dataset *d, const char *text, fm_prior **out) {
  *out = NULL;
  if (text == NULL || strcmp(text, "gaussian") == 0) return true; /* the library's default */
  if (strcmp(text, "uniform") == 0) return create_box(ctx, d, out);
  return create_rows(ctx, d, text, out);
}
