/* dataset.c - what a model learns from: rows with their conditions, checked and divided. */
#include "cli/dataset.h"

#include <math.h>
#include <string.h>

#define RANGE_ROWS 256
#define MOST_CLASSES 1000000
#define AUTO_HELD_OUT .1 /* of at least AUTO_HELD_OUT_LEAST rows, at most AUTO_HELD_OUT_MOST of them */
#define AUTO_HELD_OUT_LEAST 100
#define AUTO_HELD_OUT_MOST 10000
#define FLOAT_LOSS .01 /* of a column's deviation: what rounding conditions to float may move them */

static bool check_row_count(const table *t, size_t n_rows) {
  if (t->n_rows == n_rows) return true;
  return cli_fail(t->name, "Row i of one file belongs to row i of the other.",
                  "it has %zu rows where %zu were expected", t->n_rows, n_rows);
}

/* ---- labels ---------------------------------------------------------------------------------------- */

static bool to_labels(const table *t, int32_t *values) {
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
    double value = t->cells[i];
    if (value != floor(value) || value < 0 || value >= MOST_CLASSES)
      return cli_fail(t->name, "Number the classes 0, 1, 2, ...",
                      "row %zu, column %zu (counted from 0) is %.10g; labels are whole numbers from 0",
                      i / t->n_columns, i % t->n_columns, value);
    values[i] = (int32_t)value;
  }
  return true;
}

/* Counts a column's classes. A few unused numbers are worth a warning; if most are unused (years, codes),
   each would still cost parameters, and `--label each` would draw classes that nobody has seen. */
static bool count_classes(const table *t, labels *l, size_t column) {
  uint32_t n_classes = 0, n_used = 0, first_unused = 0;
  for (size_t i = 0; i < t->n_rows; i++) {
    uint32_t label = (uint32_t)l->values[i * l->n_columns + column];
    if (label >= n_classes) n_classes = label + 1;
  }
  bool *used = cli_alloc(n_classes, sizeof *used);
  for (size_t i = 0; i < t->n_rows; i++) used[l->values[i * l->n_columns + column]] = true;
  for (uint32_t k = n_classes; k-- > 0;) {
    n_used += used[k];
    if (!used[k]) first_unused = k;
  }
  free(used);
  l->n_classes[column] = n_classes;
  if (n_used * 2 < n_classes)
    return cli_fail(t->name, "Number the classes 0, 1, 2, ... without gaps.",
                    "column %zu has labels up to %u, but only %u different ones", column,
                    (unsigned)(n_classes - 1), (unsigned)n_used);
  if (n_used < n_classes)
    cli_warn("%s: %u of the %u classes of column %zu have no rows (the first is %u)", t->name,
             (unsigned)(n_classes - n_used), (unsigned)n_classes, column, (unsigned)first_unused);
  return true;
}

/* Of rows to evaluate on, which need not have every class, but no other. */
static bool check_classes(const table *t, const labels *l, const labels *trained) {
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
    uint32_t label = (uint32_t)l->values[i], n_classes = trained->n_classes[i % t->n_columns];
    if (label >= n_classes)
      return cli_fail(t->name, NULL,
                      "row %zu, column %zu (counted from 0) is %u; --labels has classes 0 .. %u",
                      i / t->n_columns, i % t->n_columns, (unsigned)label, (unsigned)(n_classes - 1));
  }
  return true;
}

static bool check_columns(const char *file, size_t n, size_t wanted) {
  return n == wanted || cli_fail(file, NULL, "it has %zu column%s, the rows trained on %zu", n, S(n), wanted);
}

/* trained, or NULL: the labels that a model learns. */
static bool labels_read(const char *file, size_t n_rows, const labels *trained, labels *l) {
  table t;
  if (!table_read(file, false, &t)) return false;
  l->n_columns = t.n_columns;
  l->values = cli_alloc(t.n_rows * t.n_columns, sizeof *l->values);
  l->n_classes = cli_alloc(t.n_columns, sizeof *l->n_classes);
  bool ok = check_row_count(&t, n_rows) && to_labels(&t, l->values);
  if (ok && trained)
    ok = check_columns(file, t.n_columns, trained->n_columns) && check_classes(&t, l, trained);
  for (size_t column = 0; ok && !trained && column < t.n_columns; column++) ok = count_classes(&t, l, column);
  table_free(&t);
  return ok;
}

/* ---- conditions ------------------------------------------------------------------------------------ */

static double deviation(const table *t, size_t column) {
  double mean = 0, squares = 0; /* Welford's updates: stable far from 0 */
  for (size_t i = 0; i < t->n_rows; i++) {
    double value = t->cells[i * t->n_columns + column], d = value - mean;
    mean += d / (double)(i + 1);
    squares += d * (value - mean);
  }
  return sqrt(squares / (double)t->n_rows);
}

/* The library takes conditions as float. Where that would blur a column, say so instead of training on it. */
static bool check_precision(const table *t, const float *values) {
  for (size_t column = 0; column < t->n_columns; column++) {
    double allowed = FLOAT_LOSS * deviation(t, column);
    if (allowed == 0) continue;
    for (size_t i = column; i < t->n_rows * t->n_columns; i += t->n_columns)
      if (!(fabs(t->cells[i] - (double)values[i]) <= allowed))
        return cli_fail(t->name, "Subtract an offset from this column here and when sampling.",
                        "row %zu, column %zu (counted from 0) is %.17g, which single precision blurs",
                        i / t->n_columns, column, t->cells[i]);
  }
  return true;
}

bool conditions_read(const char *file, size_t n_rows, bool one_is_enough, conditions *out, size_t *n_read) {
  table t;
  if (!table_read(file, false, &t)) return false;
  size_t n = t.n_rows * t.n_columns;
  conditions c = {cli_alloc(n, sizeof(float)), t.n_columns};
  for (size_t i = 0; i < n; i++) c.values[i] = (float)t.cells[i];
  bool ok =
      ((one_is_enough && t.n_rows == 1) || check_row_count(&t, n_rows)) && check_precision(&t, c.values);
  if (n_read) *n_read = t.n_rows;
  table_free(&t);
  if (ok)
    *out = c;
  else
    free(c.values);
  return ok;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static fm_data_options data_options(bool missing) {
  fm_data_options options;
  fm_data_options_init(&options);
  options.no_copy = 1;
  options.missing = missing ? FM_MISSING_MASK : FM_MISSING_ERROR;
  return options;
}

/* What the files have in common, and how many rows together. */
static bool inspect_files(fm_ctx *ctx, const word_list *files, table *rows) {
  for (size_t i = 0; i < files->n; i++) {
    table t = {.name = files->word[i]};
    if (!npy_inspect(ctx, t.name, &t)) return false;
    if (i == 0)
      *rows = t;
    else
      rows->n_rows += t.n_rows;
    if (strcmp(t.dtype, rows->dtype) != 0) strcpy(rows->dtype, "f8");
  }
  return true;
}

static bool read_tables(const word_list *files, bool missing, table *rows) {
  bool ok = table_read(files->word[0], missing, rows);
  for (size_t i = 1; ok && i < files->n; i++) {
    table more;
    ok = table_read(files->word[i], missing, &more);
    if (!ok) break;
    ok = table_append(rows, &more);
    table_free(&more);
  }
  return ok;
}

static fm_status open_rows(fm_ctx *ctx, const word_list *files, bool missing, dataset *d) {
  fm_data_options options = data_options(missing);
  const table *rows = &d->rows;
  size_t k = d->labels.n_columns, c = d->cond.n_columns, n = k || c ? rows->n_rows : 0;
  if (!rows->cells)
    return fm_data_open_npy(ctx, files->word, files->n, d->labels.values, d->cond.values, NULL, n, k, c,
                            &options, &d->all);
  return fm_data_create_f64(ctx, rows->cells, NULL, d->labels.values, d->cond.values, NULL, rows->n_rows,
                            rows->n_columns, k, c, &options, &d->all);
}

/* ---- all together ---------------------------------------------------------------------------------- */

static bool all_npy(const word_list *files) {
  for (size_t i = 0; i < files->n; i++)
    if (!table_is_npy(files->word[i])) return false;
  return true;
}

/* trained, or NULL: a dataset that this one is to be like. */
static bool read_all(fm_ctx *ctx, const word_list *files, const char *label_file, const char *cond_file,
                     bool missing, const dataset *trained, dataset *out) {
  dataset d = {0};
  const labels *known = trained ? &trained->labels : NULL;
  bool ok = all_npy(files) ? inspect_files(ctx, files, &d.rows) : read_tables(files, missing, &d.rows);
  if (ok && trained) ok = check_columns(files->word[0], d.rows.n_columns, trained->rows.n_columns);
  ok = ok && (!label_file || labels_read(label_file, d.rows.n_rows, known, &d.labels));
  ok = ok && (!cond_file || conditions_read(cond_file, d.rows.n_rows, false, &d.cond, NULL));
  if (ok && trained && cond_file) ok = check_columns(cond_file, d.cond.n_columns, trained->cond.n_columns);
  if (ok) {
    fm_status status = open_rows(ctx, files, missing, &d);
    ok = cli_check(ctx, status, files->word[0], npy_hint(status));
  }
  if (ok)
    *out = d;
  else
    dataset_free(&d);
  return ok;
}

bool dataset_read(fm_ctx *ctx, const word_list *files, const char *label_file, const char *cond_file,
                  bool missing, dataset *out) {
  return read_all(ctx, files, label_file, cond_file, missing, NULL, out);
}

void dataset_free(dataset *d) {
  fm_data_destroy(d->train);
  fm_data_destroy(d->held_out);
  fm_data_destroy(d->all);
  if (d->validation) dataset_free(d->validation);
  free(d->validation);
  table_free(&d->rows);
  free(d->labels.values);
  free(d->labels.n_classes);
  free(d->cond.values);
  memset(d, 0, sizeof *d);
}

bool dataset_hold_out(fm_ctx *ctx, dataset *d, double fraction, uint64_t seed) {
  size_t n = d->rows.n_rows;
  if (fraction < 0)
    fraction = n < AUTO_HELD_OUT_LEAST ? 0 : fmin(AUTO_HELD_OUT, AUTO_HELD_OUT_MOST / (double)n);
  size_t n_held_out = (size_t)((double)n * fraction + .5);
  if (n_held_out >= n)
    return cli_fail(d->rows.name, "Use a smaller --held-out.", "all %zu rows would be held out", n);
  d->n_train = n - n_held_out;
  d->n_held_out = n_held_out;
  if (n_held_out == 0) {
    d->train = d->all;
    d->all = NULL;
    return true;
  }
  return cli_check(ctx, fm_data_split(ctx, d->all, seed, n_held_out, &d->train, &d->held_out), d->rows.name,
                   NULL);
}

bool dataset_hold_out_file(fm_ctx *ctx, dataset *d, const char *file, const char *label_file,
                           const char *cond_file) {
  const word_list files = {&file, 1};
  d->validation = cli_alloc(1, sizeof *d->validation);
  if (!read_all(ctx, &files, label_file, cond_file, false, d, d->validation)) return false;
  const char *here = d->rows.header, *there = d->validation->rows.header;
  if (here && there && strcmp(here, there) != 0)
    cli_warn("%s: its columns have other names than those of %s: %s", file, d->rows.name, there);
  d->train = d->all;
  d->all = NULL;
  d->n_train = d->rows.n_rows;
  d->held_out = d->validation->all;
  d->validation->all = NULL;
  d->n_held_out = d->validation->rows.n_rows;
  return true;
}

bool dataset_column_ranges(fm_ctx *ctx, const dataset *d, double *low, double *high) {
  const fm_data *data = d->all ? d->all : d->train;
  size_t n = fm_data_n(data), dim = fm_data_dim(data);
  double *block = cli_alloc(RANGE_ROWS * dim, sizeof *block);
  bool ok = true;
  for (size_t j = 0; j < dim; j++) {
    low[j] = INFINITY;
    high[j] = -INFINITY;
  }
  for (size_t first = 0; ok && first < n; first += RANGE_ROWS) {
    size_t now = n - first < RANGE_ROWS ? n - first : RANGE_ROWS;
    ok = cli_check(ctx, fm_data_read(ctx, data, first, now, block, NULL, NULL), d->rows.name, NULL);
    for (size_t i = 0; ok && i < now * dim; i++) {
      low[i % dim] = fmin(low[i % dim], block[i]);
      high[i % dim] = fmax(high[i % dim], block[i]);
    }
  }
  free(block);
  return ok;
}
