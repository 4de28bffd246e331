/* drawing.c - rows from a model: which ones, under which conditions, block by block. */
#include "cli/drawing.h"
#include "cli/solver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool masked_columns(const fm_model *model, const char *name, size_t **columns, size_t *n) {
  const char *text = fm_model_note(model, "missing");
  size_t capacity = 0, dim = fm_net_dim(fm_model_net(model));
  *columns = NULL;
  *n = 0;
  for (char *end; text && *text; text = end) {
    size_t column = strtoul(text, &end, 10);
    if (end == text || column >= dim || *n >= dim / 2) {
      free(*columns);
      *columns = NULL;
      return cli_fail(name, "Train it again.", "its note on missing values does not fit its columns");
    }
    *columns = cli_grow(*columns, &capacity, *n + 1, sizeof **columns);
    (*columns)[(*n)++] = column;
  }
  return true;
}

bool drawing_begin(drawing *d, fm_ctx *ctx, const char *model_file, const fm_solver_options *solver,
                   const fm_sampler_options *how) {
  memset(d, 0, sizeof *d);
  d->ctx = ctx;
  d->name = model_file;
  fm_status status = fm_model_load(ctx, model_file, &d->model);
  const char *hint = status == FM_E_CHECKSUM ? "The file was damaged or cut: copy or train it again."
                     : status == FM_E_FORMAT ? "flowmatch train writes models; checkpoints are not models."
                                             : NULL;
  if (!cli_check(ctx, status, model_file, hint)) return false;
  bool ok = masked_columns(d->model, d->name, &d->masked, &d->n_masked);
  d->dim = fm_net_dim(fm_model_net(d->model)) - d->n_masked;
  fm_solver_options chosen = *solver;
  solver_settle(d->model, how == NULL || how->path == NULL, &chosen);
  if (ok && cli_check(ctx, fm_sampler_create(ctx, d->model, &chosen, how, &d->sampler), "the solver", NULL))
    return true;
  drawing_end(d);
  return false;
}

size_t drawing_own_steps(const drawing *d) {
  const char *text = fm_model_note(d->model, "euler_steps");
  if (text) return (size_t)strtoul(text, NULL, 10);
  return fm_net_n_times(fm_model_net(d->model)) == 2;
}

bool drawing_warn_distilled(const drawing *d, const char *what) {
  const char *text = fm_model_note(d->model, "euler_steps");
  if (text) cli_warn("%s was distilled for its own steps, %s: %s", d->name, text, what);
  return text != NULL;
}

void drawing_end(drawing *d) {
  fm_sampler_destroy(d->sampler);
  fm_model_destroy(d->model);
  free(d->labels);
  free(d->cond);
  free(d->known);
  free(d->known_mask);
  free(d->shown);
  free(d->masked);
  memset(d, 0, sizeof *d);
}

/* ---- classes --------------------------------------------------------------------------------------- */

/* All classes in turn, in blocks as even as can be, so that a sheet of pictures has one in each row. */
static void fill_each(drawing *d, size_t column, size_t n_columns, uint32_t n_classes) {
  d->shown = cli_alloc(d->n, sizeof *d->shown);
  d->n_shown = n_classes;
  double width = (double)n_classes / (double)d->n;
  for (size_t i = 0; i < d->n; i++) {
    d->shown[i] = (int32_t)(((double)i + .5) * width);
    d->labels[i * n_columns + column] = d->shown[i];
  }
}

static bool fill_labels(drawing *d, const char *word, size_t column, size_t n_columns) {
  uint32_t n_classes = fm_net_n_classes(fm_model_net(d->model), column);
  double value = -1; /* 'any', the null class */
  if (strcmp(word, "each") == 0) {
    if (d->shown) return cli_fail("--label", NULL, "'each' can be used for one class column only");
    fill_each(d, column, n_columns, n_classes);
    return true;
  }
  if (strcmp(word, "any") != 0) {
    bool valid = cli_parse_number(word, &value) && value == floor(value) && value >= 0 && value < n_classes;
    if (!valid)
      return cli_fail("--label", "'each' draws all of them in turn.",
                      "'%s' is not a class of column %zu of this model; it has classes 0 .. %u", word, column,
                      (unsigned)(n_classes - 1));
  }
  for (size_t i = 0; i < d->n; i++) d->labels[i * n_columns + column] = (int32_t)value;
  return true;
}

static size_t count_words(const char *text) {
  size_t n = 1;
  for (; *text; text++) n += *text == ',';
  return n;
}

static bool make_labels(drawing *d, const char *text) {
  size_t n_columns = fm_net_n_class_columns(fm_model_net(d->model)), n_words = count_words(text);
  if (n_columns == 0) return cli_fail("--label", NULL, "this model was trained without labels");
  if (n_words != n_columns)
    return cli_fail("--label", "Put commas between the columns' classes; 'any' leaves one open: 3,any",
                    "%zu given, but this model has %zu class column%s", n_words, n_columns, S(n_columns));
  d->labels = cli_alloc(d->n * n_columns, sizeof *d->labels);
  char *words = cli_copy_text(text), *word = words;
  bool ok = true;
  for (size_t column = 0; ok && column < n_columns; column++) {
    size_t length = strcspn(word, ",");
    word[length] = '\0';
    ok = fill_labels(d, word, column, n_columns);
    word += length + 1;
  }
  free(words);
  return ok;
}

/* ---- condition vectors ----------------------------------------------------------------------------- */

/* "0.5,12" to values [most]; returns how many, 0 if the text is something else. */
static size_t parse_list(const char *text, float *values, size_t most) {
  char *words = cli_copy_text(text), *word = words;
  size_t n = 0;
  while (word) {
    double value;
    char *comma = strchr(word, ',');
    if (comma) *comma = '\0';
    if (!cli_parse_number(word, &value) || !isfinite(value)) {
      n = 0;
      break;
    }
    if (n < most) values[n] = (float)value;
    n++;
    word = comma ? comma + 1 : NULL;
  }
  free(words);
  return n;
}

static bool make_cond(drawing *d, const char *text) {
  size_t dim = fm_net_cond_dim(fm_model_net(d->model)), n_given = 1;
  if (dim == 0) return cli_fail("--cond", NULL, "this model was trained without conditions");
  conditions given = {cli_alloc(dim, sizeof(float)), dim};
  size_t n_numbers = parse_list(text, given.values, dim);
  if (n_numbers > 0)
    given.n_columns = n_numbers;
  else {
    free(given.values);
    if (!conditions_read(text, d->n, true, &given, &n_given)) return false;
  }
  bool ok =
      given.n_columns == dim || cli_fail("--cond", NULL, "this model's conditions have %zu number%s, not %zu",
                                         dim, S(dim), given.n_columns);
  if (ok) {
    d->cond = cli_alloc(d->n * dim, sizeof *d->cond);
    for (size_t i = 0; i < d->n; i++)
      memcpy(d->cond + i * dim, given.values + (n_given == 1 ? 0 : i * dim), dim * sizeof *d->cond);
  }
  free(given.values);
  return ok;
}

/* A model trained without dropout has never seen a row without its condition. */
static bool check_given(const drawing *d, const char *label, const char *cond) {
  const fm_net *net = fm_model_net(d->model);
  const char *note = fm_model_note(d->model, "conditions");
  if (!note || strcmp(note, "required") != 0) return true;
  if (fm_net_n_class_columns(net) && (label ? strstr(label, "any") != NULL : !d->labels))
    return cli_fail(d->name, "Say --label K or --label each.",
                    "it was trained without label dropout and can't draw without a class");
  if (fm_net_cond_dim(net) && !cond)
    return cli_fail(d->name, "Say --cond.",
                    "it was trained without label dropout and can't draw without a condition");
  return true;
}

bool drawing_conditions(drawing *d, const char *label, const char *cond) {
  return check_given(d, label, cond) && (!label || make_labels(d, label)) && (!cond || make_cond(d, cond));
}

/* ---- rows ------------------------------------------------------------------------------------------ */

size_t drawing_block(const drawing *d) {
  size_t n = (1u << 19) / d->dim;
  return n < 256 ? 256 : n > 16384 ? 16384 : n;
}

void drawing_apply_masks(const drawing *d, const double *wide, size_t n, double *out) {
  for (size_t i = 0; i < n; i++) {
    const double *row = wide + i * (d->dim + d->n_masked), *indicator = row + d->dim;
    memcpy(out + i * d->dim, row, d->dim * sizeof *out);
    for (size_t k = 0; k < d->n_masked; k++)
      if (indicator[k] > .5) out[i * d->dim + d->masked[k]] = NAN;
  }
}

const int32_t *drawing_labels(const drawing *d, size_t row) {
  return d->labels ? d->labels + row * fm_net_n_class_columns(fm_model_net(d->model)) : NULL;
}

const float *drawing_cond(const drawing *d, size_t row) {
  return d->cond ? d->cond + row * fm_net_cond_dim(fm_model_net(d->model)) : NULL;
}

/* Rows of the network: wide [n][dim + n_masked]. */
static fm_status draw_wide(drawing *d, size_t row, size_t n, double *wide) {
  const int32_t *classes = drawing_labels(d, row);
  const float *cond = drawing_cond(d, row);
  const uint64_t first = d->first_row + row;
  const size_t at = row * (d->dim + d->n_masked);
  if (!d->known) return fm_sampler_draw_f64(d->ctx, d->sampler, d->seed, first, classes, cond, n, wide);
  return fm_sampler_draw_guided_f64(d->ctx, d->sampler, d->seed, first, classes, cond, NULL, d->known + at,
                                    d->known_mask + at, n, wide, NULL, NULL);
}

static fm_status draw(drawing *d, size_t row, size_t n, double *out) {
  if (d->n_masked == 0) return draw_wide(d, row, n, out);
  double *wide = cli_alloc(n * (d->dim + d->n_masked), sizeof *wide);
  fm_status status = draw_wide(d, row, n, wide);
  if (status == FM_OK) drawing_apply_masks(d, wide, n, out);
  free(wide);
  return status;
}

int drawing_rows(drawing *d, size_t first, size_t n, double *out) {
  size_t most = drawing_block(d);
  for (size_t done = 0; done < n; done += most) {
    size_t row = first + done, count = n - done < most ? n - done : most;
    fm_status status = draw(d, row, count, out + done * d->dim);
    if (status != FM_OK) progress_break(&d->progress);
    if (status == FM_STOPPED) return EXIT_INTERRUPTED;
    if (!cli_check(d->ctx, status, "sampling", NULL)) return EXIT_FAILURE;
    progress_show(&d->progress, row + count, NAN);
  }
  /* Where it was over before anything was shown, nothing is. */
  if (first + n == d->n && d->progress.shown > d->progress.began) progress_end(&d->progress);
  return EXIT_SUCCESS;
}

fm_status drawing_carry(drawing *d, const double *times, size_t n_times, size_t first, size_t n,
                        const double *x, double *states, fm_row_stats *rows) {
  return fm_sampler_transport_at(d->ctx, d->sampler, times, n_times, drawing_labels(d, first),
                                 drawing_cond(d, first), n, x, states, NULL, rows);
}

char *drawing_column_name(const drawing *d, size_t column) {
  const char *header = fm_model_note(d->model, "columns");
  char *name = header ? csv_header_name(header, column) : NULL, text[40];
  if (name) return name;
  snprintf(text, sizeof text, "column %zu", column);
  return cli_copy_text(text);
}
