/* prior.c - what --prior names: noise, a box around the rows, or the rows of another file. */
#include "cli/fit.h"

#include <math.h>
#include <string.h>

/* The box that the training rows span. A constant column becomes one again whatever is drawn for it. */
static fm_status create_box(fm_ctx *ctx, const dataset *d, fm_prior **out) {
  const size_t n = d->rows.n_columns;
  double *low = cli_alloc(n, sizeof *low), *high = cli_alloc(n, sizeof *high);
  for (size_t j = 0; j < n; j++) {
    low[j] = high[j] = d->rows.cells[j];
    for (size_t i = 1; i < d->n_train; i++) {
      low[j] = fmin(low[j], d->rows.cells[i * n + j]);
      high[j] = fmax(high[j], d->rows.cells[i * n + j]);
    }
    if (low[j] == high[j]) high[j] += fmax(1, fabs(high[j]));
  }
  fm_status status = fm_prior_create_uniform(ctx, low, high, n, out);
  free(low);
  free(high);
  return status;
}

static bool create_rows(fm_ctx *ctx, const dataset *d, const char *file, fm_prior **out) {
  table t;
  if (!table_read(file, &t)) return false;
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
  if (strcmp(text, "uniform") == 0) return cli_check(ctx, create_box(ctx, d, out), "--prior", NULL);
  return create_rows(ctx, d, text, out);
}
