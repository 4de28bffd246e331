/* dataset.c - what a model learns from: rows with their conditions, checked and divided. */
#include "cli/dataset.h"

#include <math.h>
#include <string.h>

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

static bool labels_read(const char *file, size_t n_rows, labels *l) {
  table t;
  if (!table_read(file, &t)) return false;
  l->n_columns = t.n_columns;
  l->values = cli_alloc(t.n_rows * t.n_columns, sizeof *l->values);
  l->n_classes = cli_alloc(t.n_columns, sizeof *l->n_classes);
  bool ok = check_row_count(&t, n_rows) && to_labels(&t, l->values);
  for (size_t column = 0; ok && column < t.n_columns; column++) ok = count_classes(&t, l, column);
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
  if (!table_read(file, &t)) return false;
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

/* ---- all together ---------------------------------------------------------------------------------- */

bool dataset_read(const char *data, const char *label_file, const char *cond_file, dataset *out) {
  dataset d = {0};
  bool ok = table_read(data, &d.rows);
  d.n_train = ok ? d.rows.n_rows : 0;
  ok = ok && (!label_file || labels_read(label_file, d.rows.n_rows, &d.labels));
  ok = ok && (!cond_file || conditions_read(cond_file, d.rows.n_rows, false, &d.cond, NULL));
  if (ok)
    *out = d;
  else
    dataset_free(&d);
  return ok;
}

void dataset_free(dataset *d) {
  table_free(&d->rows);
  free(d->labels.values);
  free(d->labels.n_classes);
  free(d->cond.values);
  memset(d, 0, sizeof *d);
}

/* SplitMix64 (Steele, Lea & Flood 2014): the next of a sequence that covers all 2^64 values. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static void swap(void *base, size_t row_bytes, size_t i, size_t j) {
  unsigned char *a = (unsigned char *)base + i * row_bytes, *b = (unsigned char *)base + j * row_bytes;
  if (!base || i == j) return;
  for (size_t k = 0; k < row_bytes; k++) {
    unsigned char byte = a[k];
    a[k] = b[k];
    b[k] = byte;
  }
}

bool dataset_hold_out(dataset *d, double fraction, uint64_t seed) {
  size_t n = d->rows.n_rows;
  if (fraction < 0)
    fraction = n < AUTO_HELD_OUT_LEAST ? 0 : fmin(AUTO_HELD_OUT, AUTO_HELD_OUT_MOST / (double)n);
  size_t n_held_out = (size_t)((double)n * fraction + .5);
  if (n_held_out >= n)
    return cli_fail(d->rows.name, "Use a smaller --held-out.", "all %zu rows would be held out", n);
  d->n_train = n - n_held_out;
  for (size_t i = n; i > d->n_train; i--) { /* Fisher and Yates, as far as needed */
    size_t j = (size_t)(next_random(&seed) % i);
    swap(d->rows.cells, d->rows.n_columns * sizeof *d->rows.cells, i - 1, j);
    swap(d->labels.values, d->labels.n_columns * sizeof *d->labels.values, i - 1, j);
    swap(d->cond.values, d->cond.n_columns * sizeof *d->cond.values, i - 1, j);
  }
  return true;
}
