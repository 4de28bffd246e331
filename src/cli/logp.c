/* logp.c - flowmatch logp: how likely rows are under a model. */
#include "cli/args.h"
#include "cli/drawing.h"
#include "cli/labels.h"
#include "cli/rows_out.h"
#include "cli/solver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct logp_options {
  word_list files; /* the model and the data */
  const char *output, *label, *label_file, *cond;
  uint64_t threads, probes, seed;
  uint32_t divergence, format; /* indexes of the words in the table below */
  solver_words how;
  fm_solver_options solver;
  bool quiet;
} logp_options;

#define AT(member) offsetof(logp_options, member)
static const option options[] = {
    {OPTION_TEXT, 'o', "output", "OUT", AT(output), 0, 0,
     ".npy or .csv for the log-density of every row; - is standard output; left out: the mean only"},
    {OPTION_CHOICE, 0, "format", "auto|npy|csv", AT(format), 0, 0, "what to write whatever OUT is called"},
    ROW_CONDITION_OPTIONS(AT(label_file), AT(label), AT(cond)),
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "How"},
    {OPTION_CHOICE, 0, "divergence", "exact|rademacher|gaussian", AT(divergence), 0, 0,
     "exact: as many products as columns; the others estimate it from probes, for many columns (exact)"},
    {OPTION_COUNT, 0, "probes", "N", AT(probes), 1, 4096, "of an estimate, for every row (8)"},
    {OPTION_COUNT, 0, "seed", "S", AT(seed), 0, 1e15, "of the probes (0)"},
    SOLVER_OPTIONS(AT(how), AUTO_SOLVER, "20"),
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256,
     "processors to use (all, up to 16); the numbers do not depend on it"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print the mean and errors only"},
};

static int run(int argc, char **argv);

const command logp_command = {
    .name = "logp",
    .synopsis = "MODEL DATA [-o OUT] [options]",
    .summary = "the log-density of rows under a model",
    .description = "Carries every row of DATA to the source and prints the mean negative log-likelihood in\n"
                   "nats, and in bits for each column, in the units of the data. OUT gets log p of every\n"
                   "row, and with an estimate its standard error in a second column.\n"
                   "\n"
                   "Steps are chosen for an accuracy unless --steps asks for fixed ones; then the same is\n"
                   "done with half as many, and a warning says for how many rows that makes a difference of\n"
                   "0.1 or more.\n"
                   "\n",
    .examples =
        "  flowmatch logp rows.safetensors rows.csv\n"
        "  flowmatch logp rows.safetensors rows.csv -o logp.csv --rtol 1e-5 --atol 1e-5\n"
        "  flowmatch logp digits.safetensors digits.npy --labels classes.npy --divergence rademacher\n",
    .operand = "MODEL",
    .operand_offset = AT(files),
    .several = true,
    .options = options,
    .n_options = COUNT(options),
    .more_help = solver_help,
    .run = run,
};

static int check_options(logp_options *o) {
  const command *c = &logp_command;
  int code = row_words_check(c, &o->files, o->label, o->label_file);
  if (code >= 0) return code;
  if (o->probes && o->divergence == 0)
    return args_wrong(c, "--probes goes with --divergence rademacher or gaussian");
  code = solver_options_from(c, &o->how, &o->solver);
  if (code >= 0 || !o->output) return code;
  o->format = rows_format(o->format, o->output);
  if (o->format != FORMAT_IS_NPY && o->format != FORMAT_IS_CSV)
    return args_wrong(c, "'%s': end it in .npy or .csv, or say with --format what it is", o->output);
  return -1;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

typedef struct densities {
  drawing *d;
  const logp_options *o;
  fm_sampler *sampler;
  table rows;
  table_writer writer;
  size_t n_columns; /* written: 1, or 2 with errors */
  size_t n_coarse, n_infinite;
  double sum, error; /* of log p; of squared errors */
} densities;

static int find_block(densities *p, size_t first, size_t n, double *found, double *errors, double *cells,
                      fm_row_stats *stats) {
  drawing *d = p->d;
  fm_status status =
      fm_sampler_log_density(d->ctx, p->sampler, first, drawing_labels(d, first), drawing_cond(d, first), n,
                             p->rows.cells + first * d->dim, found, errors, NULL, stats);
  if (status != FM_OK && status != FM_COARSE) progress_break(&d->progress);
  if (status == FM_STOPPED) return EXIT_INTERRUPTED;
  if (status != FM_COARSE &&
      !cli_check(d->ctx, status, p->rows.name, "Rows far from all training data may have no way."))
    return EXIT_FAILURE;
  for (size_t i = 0; i < n; i++) {
    p->n_coarse += stats[i].status == FM_COARSE;
    p->n_infinite += isinf(found[i]) != 0;
    p->sum += found[i];
    p->error += errors[i] * errors[i];
    cells[i * p->n_columns] = found[i];
    if (p->n_columns == 2) cells[i * 2 + 1] = errors[i];
  }
  if (p->o->output && !table_writer_rows(&p->writer, cells, n)) return EXIT_FAILURE;
  progress_show(&d->progress, first + n, NAN);
  return EXIT_SUCCESS;
}

static int find_all(densities *p) {
  drawing *d = p->d;
  size_t block = drawing_block(d) < d->n ? drawing_block(d) : d->n;
  double *numbers = cli_alloc(4 * block, sizeof *numbers);
  fm_row_stats *stats = cli_alloc(block, sizeof *stats);
  int code = EXIT_SUCCESS;
  for (size_t first = 0; first < d->n && code == EXIT_SUCCESS; first += block)
    code = find_block(p, first, d->n - first < block ? d->n - first : block, numbers, numbers + block,
                      numbers + 2 * block, stats);
  if (code == EXIT_SUCCESS && d->progress.shown > d->progress.began) progress_end(&d->progress);
  free(numbers);
  free(stats);
  return code;
}

static void report(const densities *p) {
  const double n = (double)p->d->n, nats = -p->sum / n;
  FILE *to = p->o->output && strcmp(p->o->output, "-") == 0 ? stderr : stdout;
  if (p->n_coarse > 0)
    cli_warn("%zu of %zu rows need more steps: half as many change their log-density by more than 0.1",
             p->n_coarse, p->d->n);
  if (p->n_infinite > 0)
    cli_warn("%zu of %zu rows come from where the source has no density", p->n_infinite, p->d->n);
  fprintf(to, "negative log-likelihood: %.6g nats", nats);
  if (p->n_columns == 2 && p->error < INFINITY) fprintf(to, " (from probes: +- %.2g)", sqrt(p->error) / n);
  fprintf(to, ", %.6g bits for each of %zu column%s; mean of %zu row%s\n", nats / log(2) / (double)p->d->dim,
          p->d->dim, S(p->d->dim), p->d->n, S(p->d->n));
}

/* ---- the command ----------------------------------------------------------------------------------- */

static bool make_sampler(densities *p) {
  drawing *d = p->d;
  fm_sampler_options o;
  fm_sampler_options_init(&o);
  o.divergence = FM_DIVERGENCE_EXACT + p->o->divergence;
  o.n_probes = (uint32_t)p->o->probes;
  o.probe_seed = p->o->seed;
  p->n_columns = p->o->divergence == 0 ? 1 : 2;
  if (d->n_masked > 0)
    return cli_fail(d->name, "Train it on rows without holes.",
                    "it was trained with missing values: what says where they are has no density");
  fm_solver_options solver = p->o->solver;
  solver_settle(d->model, false, &solver);
  return cli_check(d->ctx, fm_sampler_create(d->ctx, d->model, &solver, &o, &p->sampler), d->name, NULL);
}

static bool check_rows(const densities *p) {
  const table *t = &p->rows;
  if (t->n_columns == p->d->dim) return true;
  return cli_fail(t->name, NULL, "it has %zu column%s, expected were %zu", t->n_columns, S(t->n_columns),
                  p->d->dim);
}

static int write_all(densities *p) {
  drawing *d = p->d;
  const logp_options *o = p->o;
  const size_t shape[1] = {p->n_columns};
  const char *header = p->n_columns == 2 ? "log_density,error" : "log_density";
  if (o->output &&
      !table_writer_open(&p->writer, o->output, o->format == FORMAT_IS_NPY ? FORMAT_NPY : FORMAT_CSV, false,
                         d->n, p->n_columns, shape, p->n_columns > 1, header))
    return EXIT_FAILURE;
  cli_stop_on_signals(d->ctx);
  progress_begin(&d->progress, "rows", 0, d->n);
  int code = find_all(p);
  if (o->output && code != EXIT_SUCCESS)
    table_writer_abort(&p->writer);
  else if (o->output && !table_writer_commit(&p->writer))
    code = EXIT_FAILURE;
  if (code == EXIT_SUCCESS) report(p);
  if (code == EXIT_INTERRUPTED) fputs("flowmatch: interrupted; nothing was written\n", stderr);
  return code;
}

static int find(fm_ctx *ctx, const logp_options *o) {
  drawing d;
  densities p = {.d = &d, .o = o};
  int code = EXIT_FAILURE;
  if (!drawing_begin(&d, ctx, o->files.word[0], &o->solver, NULL)) return code;
  drawing_warn_distilled(&d, "log-densities are those of a flow that was never trained");
  if (make_sampler(&p) && table_read(o->files.word[1], false, &p.rows)) {
    d.n = p.rows.n_rows;
    if (check_rows(&p) && labels_read(&d, o->label_file) && drawing_conditions(&d, o->label, o->cond))
      code = write_all(&p);
    table_free(&p.rows);
  }
  fm_sampler_destroy(p.sampler);
  drawing_end(&d);
  return code;
}

static int run(int argc, char **argv) {
  logp_options o = {0};
  int code = args_parse(&logp_command, argc, argv, &o);
  if (code < 0) code = check_options(&o);
  cli_quiet = o.quiet;
  if (code < 0 && o.output && !output_check(o.output)) code = EXIT_FAILURE;
  fm_ctx *ctx = code < 0 ? cli_context(o.threads) : NULL;
  if (code < 0) code = ctx ? find(ctx, &o) : EXIT_FAILURE;
  fm_ctx_destroy(ctx);
  free(o.files.word);
  return code;
}
