/* sample.c - flowmatch sample: new rows from a model. */
#include "cli/args.h"
#include "cli/drawing.h"
#include "cli/plot.h"
#include "cli/rows_out.h"
#include "cli/solver.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_CELLS (1u << 20)

typedef struct sample_options {
  const char *model, *output, *label, *cond, *image;
  uint64_t rows, seed, first_row, threads;
  uint32_t format; /* index of the word in the table below */
  solver_words how;
  fm_solver_options solver;
  fm_sampler_options sampler;
  double diffusion; /* 0: none */
  bool quiet;
} sample_options;

#define AT(member) offsetof(sample_options, member)
static const option options[] = {
    {OPTION_COUNT, 'n', "rows", "N", AT(rows), 1, 1e12, "how many rows to draw"},
    {OPTION_TEXT, 'o', "output", "OUT", AT(output), 0, 0,
     ".npy, .csv or .png: a sheet of pictures, or the points of 2 columns; - is standard output"},
    {OPTION_CHOICE, 0, "format", "auto|npy|csv|png", AT(format), 0, 0,
     "what to write whatever OUT is called"},
    {OPTION_TEXT, 0, "image", "HxW", AT(image), 0, 0,
     "draw rows as pictures of this shape (as the model's data had it); HxWx3 for colour"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "What to draw"},
    {OPTION_TEXT, 0, "label", "K", AT(label), 0, 0,
     "a class for all rows, 'each' for all classes in turn, 'any' for none in particular; with several class "
     "columns a comma between them: 3,any"},
    {OPTION_TEXT, 0, "cond", "X,Y...", AT(cond), 0, 0,
     "the condition of all rows, or a file with a row for each"},
    {OPTION_COUNT, 0, "seed", "N", AT(seed), 0, 0, "same seed, same rows (0)"},
    {OPTION_COUNT, 0, "first-row", "N", AT(first_row), 0, 0,
     "begin with row N of the endless table that the seed stands for (0)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "How"},
    SOLVER_OPTIONS(AT(how), AUTO_SAMPLING_SOLVER, "20; mean: 1"),
    {OPTION_REAL, 0, "diffusion", "X", AT(diffusion), 1e-6, 1e3,
     "noise on the way, X sqrt(sigma) dW, which changes rows but not their distribution; with euler or "
     "heun2, "
     "and not for models trained with --coupling (0: none; else heun2 with 100 steps)"},
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256,
     "processors to use (all, up to 16); the rows do not depend on it"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print errors only"},
};

static int run(int argc, char **argv);

const command sample_command = {
    .name = "sample",
    .synopsis = "MODEL -n N -o OUT [options]",
    .summary = "draw new rows from a model",
    .description = "Draws N rows from MODEL and writes them as the training data came: the same\n"
                   "columns, units, shape and type.\n"
                   "\n",
    .examples = "  flowmatch sample rows.safetensors -n 1000 -o new.csv\n"
                "  flowmatch sample digits.safetensors -n 100 --label each -o digits.png\n"
                "  flowmatch sample digits.safetensors -n 500 --label 7 --steps 20 -o sevens.npy\n"
                "  flowmatch sample digits.safetensors -n 500 --solver rk4 --steps 5 -o sevens.npy\n"
                "  flowmatch sample outcomes.safetensors -n 1000 --cond 0.5,12 --seed 42 -o out.npy\n"
                "  flowmatch sample rows.safetensors -n 3 -o -\n",
    .operand = "MODEL",
    .operand_offset = AT(model),
    .options = options,
    .n_options = COUNT(options),
    .more_help = solver_help,
    .run = run,
};

/* ---- options --------------------------------------------------------------------------------------- */

static int check_options(sample_options *o) {
  const command *c = &sample_command;
  if (!o->output) return args_wrong(c, "where should the rows go? -o OUT is missing");
  if (o->rows == 0) return args_wrong(c, "how many rows? -n N is missing");
  fm_sampler_options_init(&o->sampler);
  if (o->diffusion > 0) {
    bool automatic = !o->how.method || strcmp(o->how.method, "auto") == 0;
    if (o->how.rtol > 0 || o->how.atol > 0)
      return args_wrong(c, "--diffusion goes with fixed steps: --steps");
    if (automatic) o->how.method = "heun2";
    if (strcmp(o->how.method, "euler") != 0 && strcmp(o->how.method, "heun2") != 0)
      return args_wrong(c, "--diffusion goes with --solver euler or heun2, not %s", o->how.method);
    if (o->how.steps == 0) o->how.steps = 100;
    o->sampler.diffusion = FM_DIFFUSION_SIGMA;
    o->sampler.diffusion_level = o->diffusion;
  }
  int code = solver_options_from(c, &o->how, &o->solver);
  if (code >= 0) return code;
  if (solver_is_automatic(&o->how)) o->solver.method = 0;
  o->format = rows_format(o->format, o->output);
  if (o->format == FORMAT_BY_NAME)
    return args_wrong(c, "'%s': end it in .npy, .csv or .png, or say with --format what it is", o->output);
  return -1;
}

/* ---- numbers out ----------------------------------------------------------------------------------- */

static int write_table(drawing *d, const sample_options *o) {
  size_t block = BLOCK_CELLS / d->dim + 1;
  table_writer w;
  if (!rows_open(&w, d->model, o->output, o->format, d->n, d->dim)) return EXIT_FAILURE;
  double *rows = cli_alloc(block * d->dim, sizeof *rows);
  int code = EXIT_SUCCESS;
  for (size_t first = 0; first < d->n && code == EXIT_SUCCESS; first += block) {
    size_t n = d->n - first < block ? d->n - first : block;
    code = drawing_rows(d, first, n, rows);
    if (code == EXIT_SUCCESS && !table_writer_rows(&w, rows, n)) code = EXIT_FAILURE;
  }
  free(rows);
  if (code != EXIT_SUCCESS)
    table_writer_abort(&w);
  else if (!table_writer_commit(&w))
    code = EXIT_FAILURE;
  return code;
}

/* ---- pictures out ---------------------------------------------------------------------------------- */

/* The pictures' shape, from --image or the model's note. False if there is none that fits; a wrong one is
   reported. */
static bool picture_shape(const drawing *d, const sample_options *o, image_sheet *sheet, bool *failed) {
  size_t f[3] = {0, 0, 1};
  const char *text = o->image ? o->image : fm_model_note(d->model, "image");
  size_t n = text ? cli_parse_shape(text, f, 3) : 0;
  bool fits = n >= 2 && (f[2] == 1 || f[2] == 3) && f[0] * f[1] * f[2] == d->dim;
  *sheet = (image_sheet){.height = f[0], .width = f[1], .channels = f[2]};
  const char *range = fm_model_note(d->model, "range");
  if (range) {
    char *end;
    sheet->low = strtod(range, &end);
    sheet->high = strtod(end, NULL);
  }
  *failed = o->image && !fits;
  if (*failed)
    cli_fail("--image", "HxW for grey or HxWx3 for colour, with H times W (times 3) equal to the columns.",
             "'%s' does not fit the %zu columns of this model", o->image, d->dim);
  return fits;
}

static bool draw_points(const drawing *d, const double *rows, canvas *out) {
  char *names[2] = {drawing_column_name(d, 0), drawing_column_name(d, 1)};
  *out = plot_scatter(rows, d->shown, d->n, d->n_shown, (const char *const[]){names[0], names[1]});
  free(names[0]);
  free(names[1]);
  return true;
}

static int write_picture(drawing *d, const sample_options *o) {
  image_sheet sheet;
  canvas c;
  bool failed, pictures = picture_shape(d, o, &sheet, &failed);
  if (failed) return EXIT_FAILURE;
  if (!pictures && d->dim != 2) {
    cli_fail(o->output, "Write .csv or .npy, or say with --image HxW that the rows are pictures.",
             "a picture can be made of 2 columns or of pictures; this model has %zu columns", d->dim);
    return EXIT_FAILURE;
  }
  double *rows = cli_alloc(d->n * d->dim, sizeof *rows);
  int code = drawing_rows(d, 0, d->n, rows);
  if (code == EXIT_SUCCESS) {
    /* One picture of each class makes a better square than a column. */
    const int32_t *classes = d->n >= 2 * (size_t)d->n_shown ? d->shown : NULL;
    bool ok = pictures ? plot_images(&sheet, rows, classes, d->n, &c) : draw_points(d, rows, &c);
    if (ok) {
      ok = canvas_write(&c, o->output);
      canvas_free(&c);
    }
    if (!ok) code = EXIT_FAILURE;
  }
  free(rows);
  return code;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int sample(fm_ctx *ctx, const sample_options *o) {
  drawing d;
  if (!drawing_begin(&d, ctx, o->model, &o->solver, &o->sampler)) return EXIT_FAILURE;
  d.n = (size_t)o->rows;
  d.seed = o->seed;
  d.first_row = o->first_row;
  int code = EXIT_FAILURE;
  if (drawing_conditions(&d, o->label, o->cond)) {
    cli_stop_on_signals(ctx);
    progress_begin(&d.progress, "rows", 0, d.n);
    code = o->format == FORMAT_IS_PNG ? write_picture(&d, o) : write_table(&d, o);
  }
  if (code == EXIT_INTERRUPTED) fputs("flowmatch: interrupted; nothing was written\n", stderr);
  drawing_end(&d);
  return code;
}

static int run(int argc, char **argv) {
  sample_options o = {0};
  int code = args_parse(&sample_command, argc, argv, &o);
  if (code < 0) code = check_options(&o);
  if (code >= 0) return code;
  cli_quiet = o.quiet;
  if (!(o.format == FORMAT_IS_PNG ? canvas_check : output_check)(o.output)) return EXIT_FAILURE;
  fm_ctx *ctx = cli_context(o.threads);
  if (!ctx) return EXIT_FAILURE;
  code = sample(ctx, &o);
  fm_ctx_destroy(ctx);
  return code;
}
