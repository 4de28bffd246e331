/* encode.c - flowmatch encode: rows of data to the rows of the source that they flow from, and back. */
#include "cli/args.h"
#include "cli/drawing.h"
#include "cli/labels.h"
#include "cli/rows_out.h"
#include "cli/solver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_NAMED 8 /* of the rows that failed */
#define RK4_STEPS 50
#define AS_TEXT(x) AS_TEXT_(x)
#define AS_TEXT_(x) #x

typedef struct encode_options {
  word_list files; /* the model and the data */
  const char *output, *label, *label_file, *cond;
  uint64_t threads;
  uint32_t units, format; /* indexes of the words in the table below */
  solver_words how;
  fm_solver_options solver;
  bool decode, quiet;
} encode_options;

enum { UNITS_AUTO, UNITS_STANDARD, UNITS_DATA };

#define AT(member) offsetof(encode_options, member)
static const option options[] = {
    {OPTION_TEXT, 'o', "output", "OUT", AT(output), 0, 0, ".npy or .csv; - is standard output"},
    {OPTION_FLAG, 0, "decode", NULL, AT(decode), 0, 0,
     "the other way: DATA are rows of the source, as encode writes them, OUT rows of data"},
    {OPTION_CHOICE, 0, "units", "auto|standard|data", AT(units), 0, 0,
     "of the source: standard, each column less its mean and by its deviation in the training data; or the "
     "data's own; auto: standard where the source is standard noise (auto)"},
    {OPTION_CHOICE, 0, "format", "auto|npy|csv", AT(format), 0, 0, "what to write whatever OUT is called"},
    ROW_CONDITION_OPTIONS(AT(label_file), AT(label), AT(cond)),
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "How"},
    SOLVER_OPTIONS(AT(how), "auto: rk4, or dopri5 if --rtol or --atol is given (auto)", AS_TEXT(RK4_STEPS)),
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256,
     "processors to use (all, up to 16); the rows do not depend on it"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print errors only"},
};

static int run(int argc, char **argv);

const command encode_command = {
    .name = "encode",
    .synopsis = "MODEL DATA -o OUT [options]",
    .summary = "carry rows of data back to the source, or forth",
    .description = "Carries every row of DATA against the flow, from t = 1 to t = 0: to the row of the\n"
                   "source that a sample like it begins with. Rows of data become nearly independent\n"
                   "standard normal columns; rows that lie far out there are unusual. With --decode rows\n"
                   "of the source become rows of data, so that a row can be changed in between, or two of\n"
                   "them mixed.\n"
                   "\n"
                   "There and back again gives the row within the solver's tolerance. rk4, the default,\n"
                   "returns nearest: more --steps, nearer. The same solver should go both ways.\n"
                   "\n",
    .examples = "  flowmatch encode rows.safetensors rows.csv -o latent.npy\n"
                "  flowmatch encode rows.safetensors latent.npy --decode -o again.csv\n"
                "  flowmatch encode digits.safetensors digits.npy --labels classes.npy -o latent.npy\n"
                "The same handwriting as another digit:\n"
                "  flowmatch encode digits.safetensors sevens.npy --label 7 -o latent.npy\n"
                "  flowmatch encode digits.safetensors latent.npy --decode --label 3 -o threes.npy\n",
    .operand = "MODEL",
    .operand_offset = AT(files),
    .several = true,
    .options = options,
    .n_options = COUNT(options),
    .more_help = solver_help,
    .run = run,
};

/* ---- options --------------------------------------------------------------------------------------- */

/* A method whose steps look at the same times in both directions undoes on the way back what it does on the
   way there, errors too: a row comes back far nearer than one whose steps were chosen anew. */
static void choose_solver(solver_words *how) {
  bool automatic = !how->method || strcmp(how->method, "auto") == 0;
  if (!automatic || how->rtol > 0 || how->atol > 0) return;
  how->method = "rk4";
  if (how->steps == 0) how->steps = RK4_STEPS;
}

static int check_options(encode_options *o) {
  const command *c = &encode_command;
  int code = row_words_check(c, &o->files, o->label, o->label_file);
  if (code >= 0) return code;
  if (!o->output) return args_wrong(c, "where should the rows go? -o OUT is missing");
  choose_solver(&o->how);
  code = solver_options_from(c, &o->how, &o->solver);
  if (code >= 0) return code;
  o->format = rows_format(o->format, o->output);
  if (o->format != FORMAT_IS_NPY && o->format != FORMAT_IS_CSV)
    return args_wrong(c, "'%s': end it in .npy or .csv, or say with --format what it is", o->output);
  return -1;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

typedef struct encoding {
  drawing *d;
  const encode_options *o;
  table rows;
  table_writer writer;
  size_t wide;           /* columns of the network: those of the data and their indicators */
  double *shift, *scale; /* [wide]: from standard units to the data's */
  bool standard;         /* the source is in standard units */
  size_t failed[MOST_NAMED], n_failed;
  char why[256]; /* the first one did */
} encoding;

static bool set_units(encoding *e) {
  const fm_model *model = e->d->model;
  e->standard = e->o->units == UNITS_STANDARD ||
                (e->o->units == UNITS_AUTO && fm_prior_kind(fm_model_prior(model)) == FM_PRIOR_GAUSSIAN);
  return cli_check(e->d->ctx, fm_normaliser_get(e->d->ctx, fm_model_normaliser(model), e->shift, e->scale),
                   "statistics", NULL);
}

static size_t mask_of(const drawing *d, size_t column) {
  size_t k = 0;
  while (k < d->n_masked && d->masked[k] != column) k++;
  return k;
}

static bool check_rows(const encoding *e) {
  const table *t = &e->rows;
  size_t expected = e->o->decode ? e->wide : e->d->dim;
  if (t->n_columns != expected)
    return cli_fail(t->name, e->o->decode ? "--decode takes what encode wrote with the same model." : NULL,
                    "it has %zu column%s, expected were %zu", t->n_columns, S(t->n_columns), expected);
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
    if (isnan(t->cells[i]) && (e->o->decode || mask_of(e->d, i % expected) == e->d->n_masked))
      return cli_fail(
          t->name, "Give it a value.",
          "row %zu, column %zu (counted from 0) has none, which the model never saw in this column",
          i / expected, i % expected);
  return true;
}

/* What a column that is constant in the model holds besides its value is lost. */
static void warn_of_constants(const encoding *e) {
  const table *t = &e->rows;
  for (size_t j = 0; j < e->d->dim; j++)
    for (size_t i = 0; e->scale[j] == 0 && i < t->n_rows; i++) {
      double value = t->cells[i * t->n_columns + j];
      if (isnan(value) || fabs(value - e->shift[j]) <= 1e-9 * fabs(e->shift[j])) continue;
      cli_warn("%s: row %zu has %.10g in column %zu, which is always %.10g for the model: this is lost",
               t->name, i, value, j, e->shift[j]);
      break;
    }
}

/* Rows first .. first + n as the network takes them, in the data's units: x [n][wide]. */
static void fill(const encoding *e, size_t first, size_t n, double *x) {
  for (size_t i = 0; i < n; i++) {
    const double *row = e->rows.cells + (first + i) * e->rows.n_columns;
    for (size_t j = 0; j < e->wide; j++) {
      double *cell = &x[i * e->wide + j];
      if (e->o->decode)
        *cell = e->standard ? e->shift[j] + e->scale[j] * row[j] : row[j];
      else if (j < e->d->dim)
        *cell = isnan(row[j]) ? e->shift[j] : row[j];
      else
        *cell = isnan(row[e->d->masked[j - e->d->dim]]);
    }
  }
}

/* What the network gave, x [n][wide], as it is written, in place. */
static void finish(const encoding *e, size_t n, double *x) {
  if (e->o->decode && e->d->n_masked > 0) {
    double *narrow = cli_alloc(n * e->d->dim, sizeof *narrow);
    drawing_apply_masks(e->d, x, n, narrow);
    memcpy(x, narrow, n * e->d->dim * sizeof *x);
    free(narrow);
  }
  for (size_t i = 0; !e->o->decode && e->standard && i < n * e->wide; i++) {
    size_t j = i % e->wide;
    x[i] = e->scale[j] > 0 ? (x[i] - e->shift[j]) / e->scale[j] : 0;
  }
}

static void note_failures(encoding *e, const fm_row_stats *stats, size_t first, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (stats[i].status == FM_OK) continue;
    if (e->n_failed == 0)
      snprintf(e->why, sizeof e->why, "%s",
               stats[i].status == FM_E_STEPS ? "the solver used up its steps" : "the state became infinite");
    if (e->n_failed < MOST_NAMED) e->failed[e->n_failed] = first + i;
    e->n_failed++;
  }
}

static bool report_failures(const encoding *e) {
  char names[MOST_NAMED * 24 + 32];
  int n = 0;
  if (e->n_failed == 0) return true;
  for (size_t k = 0; k < e->n_failed && k < MOST_NAMED; k++)
    n += snprintf(names + n, sizeof names - (size_t)n, "%s%zu", k ? ", " : "", e->failed[k]);
  if (e->n_failed > MOST_NAMED)
    snprintf(names + n, sizeof names - (size_t)n, " and %zu more", e->n_failed - MOST_NAMED);
  return cli_fail(e->rows.name,
                  "Rows far from all training data may have no way: look at them, or leave them out.",
                  "%zu of %zu rows did not arrive, nothing is written: row%s %s (counted from 0); %s",
                  e->n_failed, e->rows.n_rows, S(e->n_failed), names, e->why);
}

static int carry_block(encoding *e, size_t first, size_t n, double *states, fm_row_stats *stats) {
  static const double there[2] = {1, 0}, back[2] = {0, 1};
  drawing *d = e->d;
  fill(e, first, n, states);
  fm_status status = drawing_carry(d, e->o->decode ? back : there, 2, first, n, states, states, stats);
  if (status != FM_OK) progress_break(&d->progress);
  if (status == FM_STOPPED) return EXIT_INTERRUPTED;
  size_t failed_before = e->n_failed;
  if (status != FM_OK) note_failures(e, stats, first, n);
  if (status != FM_OK && e->n_failed == failed_before) {
    cli_check(d->ctx, status, e->rows.name, NULL);
    return EXIT_FAILURE;
  }
  if (e->n_failed == 0) {
    finish(e, n, states + n * e->wide);
    if (!table_writer_rows(&e->writer, states + n * e->wide, n)) return EXIT_FAILURE;
  }
  progress_show(&d->progress, first + n, NAN);
  return EXIT_SUCCESS;
}

static int carry_all(encoding *e) {
  drawing *d = e->d;
  size_t block = drawing_block(d) < d->n ? drawing_block(d) : d->n;
  double *states = cli_alloc(2 * block * e->wide, sizeof *states);
  fm_row_stats *stats = cli_alloc(block, sizeof *stats);
  int code = EXIT_SUCCESS;
  for (size_t first = 0; first < d->n && code == EXIT_SUCCESS; first += block)
    code = carry_block(e, first, d->n - first < block ? d->n - first : block, states, stats);
  if (code == EXIT_SUCCESS && d->progress.shown > d->progress.began) progress_end(&d->progress);
  if (code == EXIT_SUCCESS && !report_failures(e)) code = EXIT_FAILURE;
  free(states);
  free(stats);
  return code;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int write_all(encoding *e) {
  drawing *d = e->d;
  const encode_options *o = e->o;
  if (!rows_open(&e->writer, d->model, o->output, o->format, d->n, o->decode ? d->dim : e->wide))
    return EXIT_FAILURE;
  cli_stop_on_signals(d->ctx);
  progress_begin(&d->progress, "rows", 0, d->n);
  int code = carry_all(e);
  if (code != EXIT_SUCCESS)
    table_writer_abort(&e->writer);
  else if (!table_writer_commit(&e->writer))
    code = EXIT_FAILURE;
  if (code == EXIT_INTERRUPTED) fputs("flowmatch: interrupted; nothing was written\n", stderr);
  return code;
}

static int encode(fm_ctx *ctx, const encode_options *o) {
  drawing d;
  encoding e = {.d = &d, .o = o};
  int code = EXIT_FAILURE;
  if (!drawing_begin(&d, ctx, o->files.word[0], &o->solver, NULL)) return code;
  drawing_warn_distilled(&d, "rows go by a flow that was never trained");
  if (table_read(o->files.word[1], d.n_masked > 0, &e.rows)) {
    e.wide = d.dim + d.n_masked;
    e.shift = cli_alloc(e.wide, sizeof *e.shift);
    e.scale = cli_alloc(e.wide, sizeof *e.scale);
    d.n = e.rows.n_rows;
    if (set_units(&e) && check_rows(&e) && labels_read(&d, o->label_file) &&
        drawing_conditions(&d, o->label, o->cond)) {
      if (!o->decode) warn_of_constants(&e);
      code = write_all(&e);
    }
    free(e.shift);
    free(e.scale);
    table_free(&e.rows);
  }
  drawing_end(&d);
  return code;
}

static int run(int argc, char **argv) {
  encode_options o = {0};
  int code = args_parse(&encode_command, argc, argv, &o);
  if (code < 0) code = check_options(&o);
  cli_quiet = o.quiet;
  if (code < 0 && !output_check(o.output)) code = EXIT_FAILURE;
  fm_ctx *ctx = code < 0 ? cli_context(o.threads) : NULL;
  if (code < 0) code = ctx ? encode(ctx, &o) : EXIT_FAILURE;
  fm_ctx_destroy(ctx);
  free(o.files.word);
  return code;
}
