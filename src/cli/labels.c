/* labels.c - a class for every row of a table. */
#include "cli/labels.h"

#include <math.h>
#include <string.h>

/* A class for every row and class column. */
static bool check_labels(const drawing *d, const table *t) {
  const fm_net *net = fm_model_net(d->model);
  size_t n_columns = fm_net_n_class_columns(net);
  const char *note = fm_model_note(d->model, "conditions");
  double least = note && strcmp(note, "required") == 0 ? 0 : -1;
  if (n_columns == 0) return cli_fail(t->name, NULL, "the model was trained without labels");
  if (t->n_columns != n_columns || t->n_rows != d->n)
    return cli_fail(t->name, "Row i of one file belongs to row i of the other.",
                    "it has %zu row%s of %zu, expected were %zu of %zu", t->n_rows, S(t->n_rows),
                    t->n_columns, d->n, n_columns);
  for (size_t i = 0; i < d->n * n_columns; i++) {
    uint32_t n_classes = fm_net_n_classes(net, i % n_columns);
    double value = t->cells[i];
    if (value == floor(value) && value >= least && value < n_classes) continue;
    return cli_fail(t->name, NULL, "row %zu, column %zu (counted from 0) is %.10g; the classes are %g .. %u",
                    i / n_columns, i % n_columns, value, least, (unsigned)(n_classes - 1));
  }
  return true;
}

bool labels_read(drawing *d, const char *file) {
  table t;
  if (!file) return true;
  if (!table_read(file, false, &t)) return false;
  bool ok = check_labels(d, &t);
  if (ok) {
    d->labels = cli_alloc(t.n_rows * t.n_columns, sizeof *d->labels);
    for (size_t i = 0; i < t.n_rows * t.n_columns; i++) d->labels[i] = (int32_t)t.cells[i];
  }
  table_free(&t);
  return ok;
}

int row_words_check(const command *c, const word_list *files, const char *label, const char *label_file) {
  if (files->n < 2) return args_wrong(c, "which rows? DATA is missing after the model");
  if (files->n > 2) return args_wrong(c, "one model and one DATA; what is '%s' for?", files->word[2]);
  return label && label_file ? args_wrong(c, "--label is for all rows, --labels for each: one of them") : -1;
}
