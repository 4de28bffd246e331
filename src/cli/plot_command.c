/* plot_command.c - flowmatch plot: what a model does, as a picture. */
#include "cli/args.h"
#include "cli/paths.h"
#include "cli/plot.h"
#include "cli/solver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLOW_ROWS 200
#define FLOW_TIMES 65 /* points of a line */
#define DENSITY_ROWS 4000
#define DENSITY_TIMES 5

typedef struct plot_options {
  const char *model, *output, *columns, *data, *label, *cond;
  uint64_t rows, seed, threads;
  uint32_t kind; /* index of the word in the table below */
  solver_words how;
  fm_solver_options solver;
  bool quiet;
} plot_options;

enum { KIND_FLOW, KIND_DENSITY, KIND_LOSS };

#define AT(member) offsetof(plot_options, member)
static const option options[] = {
    {OPTION_TEXT, 'o', "output", "FILE.png", AT(output), 0, 0,
     "where the picture goes; - is standard output"},
    {OPTION_CHOICE, 0, "kind", "flow|density|loss", AT(kind), 0, 0, "which picture, see above (flow)"},
    {OPTION_TEXT, 0, "data", "FILE", AT(data), 0, 0,
     "rows to compare with, such as the training data: points behind a flow, a panel beside densities"},
    {OPTION_TEXT, 0, "columns", "I,J", AT(columns), 0, 0,
     "the columns to show, by number from 0 or by name (the two with the largest deviations)"},
    {OPTION_COUNT, 'n', "rows", "N", AT(rows), 2, 1e7,
     "how many rows to draw (200 of a flow, 4000 of a density)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "What to draw, as for sampling"},
    {OPTION_TEXT, 0, "label", "K", AT(label), 0, 0, "a class for all rows, 'each' or 'any'"},
    {OPTION_TEXT, 0, "cond", "X,Y...", AT(cond), 0, 0,
     "the condition of all rows, or a file with a row for each"},
    {OPTION_COUNT, 0, "seed", "N", AT(seed), 0, 0,
     "same seed, same rows: those of flowmatch sample with this seed (0)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "How"},
    SOLVER_OPTIONS(AT(how), AUTO_SOLVER, "20"),
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256, "processors to use (all, up to 16)"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print errors only"},
};

static int run(int argc, char **argv);

const command plot_command = {
    .name = "plot",
    .synopsis = "MODEL -o FILE.png [options]",
    .summary = "draw a model's flow, densities or loss",
    .description = "Draws one of three pictures of MODEL:\n"
                   "  flow     how samples move from the source, t = 0, to the data, t = 1: a line for\n"
                   "           each, coloured by time. Is it straight? Does it end where data are? The\n"
                   "           first thing to look at, and so the default. A model of one column is\n"
                   "           drawn over time.\n"
                   "  density  where samples are, at t = 0, 0.25, 0.5, 0.75 and 1, and with --data where\n"
                   "           they should be: do the last two panels agree?\n"
                   "  loss     how the loss went in training, also on the rows held out if there were\n"
                   "           any. Still falling: train longer. Held out rising: it learned rows by\n"
                   "           heart; the ring marks the step that was kept.\n"
                   "Flow and density show two columns.\n"
                   "\n",
    .examples = "  flowmatch plot moons.safetensors -o flow.png\n"
                "  flowmatch plot moons.safetensors -o flow.png --data moons.csv -n 400\n"
                "  flowmatch plot moons.safetensors -o density.png --kind density --data moons.csv\n"
                "  flowmatch plot digits.safetensors -o flow.png --label 7 --columns 20,43\n"
                "  flowmatch plot house.safetensors -o density.png --kind density --columns area,price\n"
                "  flowmatch plot moons.safetensors -o loss.png --kind loss\n"
                "Are four steps enough?\n"
                "  flowmatch plot moons.safetensors -o four.png --steps 4\n",
    .operand = "MODEL",
    .operand_offset = AT(model),
    .options = options,
    .n_options = COUNT(options),
    .more_help = solver_help,
    .run = run,
};

static int check_options(plot_options *o) {
  const command *c = &plot_command;
  if (!o->output) return args_wrong(c, "where should the picture go? -o FILE.png is missing");
  if (o->kind == KIND_LOSS && (o->data || o->columns || o->label || o->cond || o->rows))
    return args_wrong(
        c, "--kind loss shows the training: --data, --columns, --label, --cond, -n don't go with it");
  if (o->rows == 0) o->rows = o->kind == KIND_FLOW ? FLOW_ROWS : DENSITY_ROWS;
  return solver_options_from(c, &o->how, &o->solver);
}

/* ---- columns --------------------------------------------------------------------------------------- */

/* A number, or a name as the model has it. */
static bool find_column(const drawing *d, const char *word, size_t *column) {
  double value;
  if (cli_parse_number(word, &value) && value == floor(value) && value >= 0 && value < (double)d->dim) {
    *column = (size_t)value;
    return true;
  }
  for (*column = 0; *column < d->dim; ++*column) {
    char *name = drawing_column_name(d, *column);
    bool found = strcmp(name, word) == 0;
    free(name);
    if (found) return true;
  }
  return cli_fail("--columns", "flowmatch info lists the columns.",
                  "'%s' is not a column; they are numbered 0 .. %zu", word, d->dim - 1);
}

static bool read_columns(const drawing *d, const char *text, size_t columns[2]) {
  const char *comma = strchr(text, ',');
  if (!comma || d->dim < 2)
    return cli_fail("--columns", "Two of them with a comma between: --columns 0,3",
                    d->dim < 2 ? "the model has one column, which '%s' can't choose from"
                               : "'%s' is not two columns",
                    text);
  char *first = cli_copy_text(text);
  first[comma - text] = '\0';
  bool ok = find_column(d, first, &columns[0]) && find_column(d, comma + 1, &columns[1]);
  free(first);
  if (ok && columns[0] == columns[1])
    return cli_fail("--columns", "Choose two.", "'%s' is the same column twice", text);
  return ok;
}

/* ---- data to compare with -------------------------------------------------------------------------- */

typedef struct points {
  double *xy; /* [n][2] */
  size_t n;
} points;

static bool read_table(const drawing *d, const char *file, table *t) {
  t->n_rows = 0;
  if (!file) return true;
  if (!table_read(file, d->n_masked > 0, t)) return false;
  if (t->n_columns == d->dim) return true;
  cli_fail(file, "Give it rows like those that the model was trained on.",
           "it has %zu column%s, the model %zu", t->n_columns, S(t->n_columns), d->dim);
  table_free(t);
  return false;
}

/* Two columns of a table; rows that lack one of them are left out. */
static points choose_points(const drawing *d, const table *t, const size_t columns[2]) {
  points p = {cli_alloc(2 * t->n_rows, sizeof *p.xy), 0};
  for (size_t i = 0; i < t->n_rows; i++) {
    const double *row = t->cells + i * t->n_columns;
    p.xy[2 * p.n] = d->dim > 1 ? row[columns[0]] : 1.04; /* one column: over the time, after its end */
    p.xy[2 * p.n + 1] = row[columns[1]];
    p.n += !isnan(p.xy[2 * p.n]) && !isnan(p.xy[2 * p.n + 1]);
  }
  return p;
}

/* ---- pictures -------------------------------------------------------------------------------------- */

static bool write_picture(canvas *c, const char *file) {
  bool ok = canvas_write(c, file);
  canvas_free(c);
  return ok;
}

static canvas draw(const drawing *d, const plot_options *o, const double *times, size_t n_times,
                   const paths *p, const table *data) {
  char *names[2] = {d->dim > 1 ? drawing_column_name(d, p->columns[0]) : cli_copy_text("time"),
                    drawing_column_name(d, p->columns[1])};
  const char *const titles[2] = {names[0], names[1]};
  points other = choose_points(d, data, p->columns);
  canvas c = (o->kind == KIND_FLOW ? plot_flow : plot_densities)(p->xy, times, n_times, d->n, other.xy,
                                                                 other.n, titles);
  free(other.xy);
  free(names[0]);
  free(names[1]);
  return c;
}

/* The times to draw: of a few even steps their ends, so that each is seen as the straight piece it is. */
static size_t choose_times(const drawing *d, const plot_options *o, double times[FLOW_TIMES]) {
  const size_t steps = o->how.steps > 0        ? (size_t)o->how.steps
                       : o->solver.method == 0 ? drawing_own_steps(d)
                                               : 0;
  size_t n = o->kind == KIND_FLOW ? FLOW_TIMES : DENSITY_TIMES;
  if ((o->kind == KIND_FLOW || o->how.steps == 0) && steps > 0 && steps < n && !o->how.grid) n = steps + 1;
  for (size_t k = 0; k < n; k++) times[k] = (double)k / (double)(n - 1);
  return n;
}

static int plot_samples(drawing *d, const plot_options *o, const table *data) {
  double times[FLOW_TIMES];
  size_t n_times = choose_times(d, o, times), columns[2];
  paths p;
  if (o->columns && !read_columns(d, o->columns, columns)) return EXIT_FAILURE;
  if (!drawing_conditions(d, o->label, o->cond)) return EXIT_FAILURE;
  cli_stop_on_signals(d->ctx);
  progress_begin(&d->progress, "rows", 0, d->n);
  int code = paths_draw(d, times, n_times, o->columns ? columns : NULL, &p);
  if (code == EXIT_INTERRUPTED) fputs("flowmatch: interrupted; nothing was written\n", stderr);
  if (code != EXIT_SUCCESS) return code;
  if (d->progress.shown > d->progress.began) progress_end(&d->progress);
  canvas c = draw(d, o, times, n_times, &p, data);
  paths_free(&p);
  return write_picture(&c, o->output) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int plot_flow_or_density(drawing *d, const plot_options *o) {
  table data;
  d->n = (size_t)o->rows;
  d->seed = o->seed;
  if (o->kind == KIND_DENSITY && d->dim < 2) {
    cli_fail(d->name, "Use --kind flow, which shows it over time.",
             "--kind density takes two columns, this model has one");
    return EXIT_FAILURE;
  }
  if (!read_table(d, o->data, &data)) return EXIT_FAILURE;
  int code = plot_samples(d, o, &data);
  if (o->data) table_free(&data);
  return code;
}

static int plot_loss_note(const drawing *d, const plot_options *o) {
  const char *note = fm_model_note(d->model, CURVE_KEY);
  curve_note history;
  if (!note || !curve_note_read(&history, note)) {
    cli_fail(d->name,
             "Train it again, or draw the loss while training: flowmatch train ... --loss-curve FILE.png",
             "the model does not say how its training went");
    return EXIT_FAILURE;
  }
  canvas c = plot_history(&history, fm_model_train_steps(d->model));
  return write_picture(&c, o->output) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int run(int argc, char **argv) {
  plot_options o = {0};
  drawing d;
  int code = args_parse(&plot_command, argc, argv, &o);
  if (code < 0) code = check_options(&o);
  if (code >= 0) return code;
  cli_quiet = o.quiet;
  if (!canvas_check(o.output)) return EXIT_FAILURE;
  fm_ctx *ctx = cli_context(o.threads);
  if (!ctx) return EXIT_FAILURE;
  code = EXIT_FAILURE;
  if (drawing_begin(&d, ctx, o.model, &o.solver, NULL)) {
    code = o.kind == KIND_LOSS ? plot_loss_note(&d, &o) : plot_flow_or_density(&d, &o);
    drawing_end(&d);
  }
  fm_ctx_destroy(ctx);
  return code;
}
