/* eval.c - flowmatch eval: how near a model's rows are to true ones, beside what true rows are to each
   other. */
#include "cli/args.h"
#include "cli/drawing.h"
#include "cli/labels.h"
#include "cli/solver.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROWS_BY_DEFAULT 5000u
#define MOST_LOG_COLUMNS 16u /* of models whose likelihood is found in passing */
#define LOG_CELLS 4000u      /* and how many cells it is the mean of */

typedef struct eval_options {
  word_list files; /* the model and the data */
  const char *output, *label, *label_file, *cond;
  uint64_t rows, exact_rows, floor_draws, flow_steps, neighbours, seed, threads;
  uint32_t units; /* index of the word in the table below */
  double bandwidth;
  solver_words how;
  fm_solver_options solver;
  bool quiet;
} eval_options;

#define AT(member) offsetof(eval_options, member)
static const option options[] = {
    {OPTION_COUNT, 'n', "rows", "N", AT(rows), 10, 1e9,
     "rows to draw, and of DATA to compare them with (half of DATA, at most 5000)"},
    {OPTION_TEXT, 'o', "output", "OUT", AT(output), 0, 0, "a .csv for the table; - is standard output"},
    ROW_CONDITION_OPTIONS(AT(label_file), AT(label), AT(cond)),
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "What to measure"},
    {OPTION_CHOICE, 0, "units", "normalised|data", AT(units), 0, 0,
     "of distances: columns as the model normalises them, or as they are (normalised)"},
    {OPTION_COUNT, 0, "floor", "N", AT(floor_draws), 0, 1000,
     "times that each metric is taken between true rows; 0: no noise floor (8)"},
    {OPTION_COUNT, 0, "exact-rows", "N", AT(exact_rows), 1, 50000,
     "rows for W1, W2 and the path energy, whose time grows with the cube and memory with the square (2000)"},
    {OPTION_COUNT, 0, "neighbours", "K", AT(neighbours), 1, 1000,
     "of precision, recall, density and coverage (3, 3, 5, 5)"},
    {OPTION_REAL, 0, "bandwidth", "H", AT(bandwidth), 1e-12, 1e12,
     "of MMD's Gaussian kernel (the median distance)"},
    {OPTION_COUNT, 0, "flow-steps", "N", AT(flow_steps), 1, 10000,
     "Euler steps along which straightness is measured (100)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "How"},
    {OPTION_COUNT, 0, "seed", "S", AT(seed), 0, 1e15, "of the draws and of which rows of DATA are taken (0)"},
    SOLVER_OPTIONS(AT(how), AUTO_SOLVER, "20"),
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256,
     "processors to use (all, up to 16); the numbers do not depend on it"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print the table and errors only"},
};

static int run(int argc, char **argv);

const command eval_command = {
    .name = "eval",
    .synopsis = "MODEL DATA [options]",
    .summary = "how near a model's rows are to true ones",
    .description = "Draws rows from MODEL and compares them with as many rows of DATA, which should be\n"
                   "rows that it was not trained on. Beside every metric stands its noise floor: the\n"
                   "same metric between true rows, its mean and standard deviation. A value within a\n"
                   "few deviations of the floor can't be told from truth by so many rows. For a floor\n"
                   "of sets as large as those compared, DATA needs twice as many rows.\n"
                   "\n"
                   "Then how straight the model's flow is, and for a model without conditions how much\n"
                   "longer its paths are than those of optimal transport; and with up to 16 columns\n"
                   "the mean negative log-likelihood of some rows, which flowmatch logp has for all.\n"
                   "\n",
    .examples = "  flowmatch eval rows.safetensors fresh.csv\n"
                "  flowmatch eval rows.safetensors fresh.csv -n 2000 --floor 20 -o metrics.csv\n"
                "  flowmatch eval digits.safetensors digits.npy --labels classes.npy --steps 20\n",
    .operand = "MODEL",
    .operand_offset = AT(files),
    .several = true,
    .options = options,
    .n_options = COUNT(options),
    .more_help = solver_help,
    .run = run,
};

static const struct {
  uint32_t kind;
  const char *name, *note;
  bool exact;
} metrics[] = {{FM_METRIC_W2, "W2", "", true},
               {FM_METRIC_W1, "W1", "", true},
               {FM_METRIC_SLICED_W2, "sliced W2", "", false},
               {FM_METRIC_ENERGY, "energy distance", "", false},
               {FM_METRIC_MMD2, "MMD^2", "", false},
               {FM_METRIC_PRECISION, "precision", "share of drawn rows near true ones", false},
               {FM_METRIC_RECALL, "recall", "share of true rows near drawn ones", false},
               {FM_METRIC_DENSITY, "density", "", false},
               {FM_METRIC_COVERAGE, "coverage", "", false},
               {FM_METRIC_C2ST, "C2ST", "held-out rows that a classifier tells apart; 0.5 is best", false}};

/* ---- rows ------------------------------------------------------------------------------------------ */

typedef struct judged {
  drawing *d;
  const eval_options *o;
  table data;        /* its rows in a random order, as their conditions */
  size_t n, n_spare; /* rows compared, and rows behind them */
  double *x, *y;     /* [n][dim] drawn, [n + n_spare][dim] true, in the units of distances */
  output out;        /* the table as a file */
} judged;

/* The order in which rows are taken: DATA may be sorted. splitmix64 (Steele et al. 2014), Fisher and
   Yates. */
static size_t *random_order(size_t n, uint64_t seed) {
  size_t *order = cli_alloc(n, sizeof *order);
  for (size_t i = 0; i < n; i++) order[i] = i;
  for (size_t i = n; i > 1; i--) {
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    const size_t j = (size_t)((z ^ z >> 31) % i), swapped = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swapped;
  }
  return order;
}

/* Rows of `bytes` each in this order: a new block; NULL stays NULL. */
static void *in_order(void *rows, const size_t *order, size_t n, size_t bytes) {
  if (!rows) return NULL;
  char *out = cli_alloc(n, bytes ? bytes : 1);
  for (size_t i = 0; i < n; i++) memcpy(out + i * bytes, (const char *)rows + order[i] * bytes, bytes);
  free(rows);
  return out;
}

static void shuffle(judged *j) {
  drawing *d = j->d;
  const fm_net *net = fm_model_net(d->model);
  const size_t n = d->n;
  size_t *order = random_order(n, j->o->seed);
  j->data.cells = in_order(j->data.cells, order, n, d->dim * sizeof *j->data.cells);
  d->labels = in_order(d->labels, order, n, fm_net_n_class_columns(net) * sizeof *d->labels);
  d->cond = in_order(d->cond, order, n, fm_net_cond_dim(net) * sizeof *d->cond);
  free(order);
}

static bool choose_rows(judged *j) {
  const size_t all = j->data.n_rows;
  const uint64_t wanted = j->o->rows;
  if (j->data.n_columns != j->d->dim)
    return cli_fail(j->data.name, NULL, "it has %zu column%s, expected were %zu", j->data.n_columns,
                    S(j->data.n_columns), j->d->dim);
  if (all < 20) return cli_fail(j->data.name, NULL, "it has %zu row%s; 20 are the least", all, S(all));
  j->n = wanted == 0 ? (all / 2 < ROWS_BY_DEFAULT ? all / 2 : ROWS_BY_DEFAULT) : (size_t)wanted;
  if (wanted > all) {
    cli_warn("%s has %zu rows: only as many are compared", j->data.name, all);
    j->n = all;
  }
  j->n_spare = all - j->n < j->n ? all - j->n : j->n;
  if (j->n <= j->o->neighbours)
    return cli_fail(j->data.name, "Compare more rows: -n N.",
                    "--neighbours %llu needs more rows than that, found %zu",
                    (unsigned long long)j->o->neighbours, j->n);
  return true;
}

/* Into the units of distances. A column that was constant in training tells nothing then. */
static bool rescale(judged *j, double *rows, size_t n) {
  const drawing *d = j->d;
  const fm_normaliser *norm = fm_model_normaliser(d->model);
  if (j->o->units == 1) return true;
  double *shift = cli_alloc(2 * d->dim, sizeof *shift), *scale = shift + d->dim;
  const bool ok = cli_check(d->ctx, fm_normaliser_get(d->ctx, norm, shift, scale), "statistics", NULL);
  for (size_t i = 0; ok && i < n * d->dim; i++) {
    const size_t k = i % d->dim;
    rows[i] = scale[k] > 0 ? (rows[i] - shift[k]) / scale[k] : 0;
  }
  free(shift);
  return ok;
}

static int draw(judged *j) {
  drawing *d = j->d;
  d->n = j->n;
  d->seed = j->o->seed;
  const size_t n_true = j->n + j->n_spare;
  j->x = cli_alloc(j->n * d->dim, sizeof *j->x);
  j->y = cli_alloc(n_true * d->dim, sizeof *j->y);
  memcpy(j->y, j->data.cells, n_true * d->dim * sizeof *j->y);
  /* Conditions of rows other than y's where there are enough: sets that share them are nearer than those of the
     floor. */
  const fm_net *net = fm_model_net(d->model);
  const size_t other = j->n_spare == j->n ? j->n : 0;
  int32_t *classes = d->labels;
  float *cond = d->cond;
  if (classes) d->labels += other * fm_net_n_class_columns(net);
  if (cond) d->cond += other * fm_net_cond_dim(net);
  progress_begin(&d->progress, "rows", 0, d->n);
  const int code = drawing_rows(d, 0, d->n, j->x);
  d->labels = classes, d->cond = cond;
  if (code != EXIT_SUCCESS) return code;
  return rescale(j, j->x, j->n) && rescale(j, j->y, n_true) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the table ------------------------------------------------------------------------------------- */

static FILE *table_stream(const judged *j) {
  return j->o->output && strcmp(j->o->output, "-") == 0 ? stderr : stdout;
}

/* A line of both tables; r NULL: of the file's, without a floor. */
static bool put(judged *j, const char *name, const char *note, double value, size_t n,
                const fm_eval_result *r) {
  FILE *to = table_stream(j);
  const bool has_floor = r && r->floor_draws > 0;
  char floor[64] = "", line[256];
  if (has_floor && r->floor_draws > 1)
    snprintf(floor, sizeof floor, "%.4g +- %.2g", r->floor_mean, r->floor_deviation);
  else if (has_floor)
    snprintf(floor, sizeof floor, "%.4g", r->floor_mean);
  fprintf(to, "%-16s  %-11.5g  %-22s  %7zu", name, value, floor, n);
  if (has_floor && r->floor_n < n) fprintf(to, "  (floor: %llu)", (unsigned long long)r->floor_n);
  fprintf(to, "%s%s\n", *note ? "  " : "", note);
  fflush(to);
  if (!j->o->output) return true;
  int length = snprintf(line, sizeof line, "%s,%.17g,", name, value);
  if (has_floor)
    length += snprintf(line + length, sizeof line - (size_t)length, "%.17g,%.17g,%zu,%llu\n", r->floor_mean,
                       r->floor_deviation, n, (unsigned long long)r->floor_n);
  else
    length += snprintf(line + length, sizeof line - (size_t)length, ",,%zu,\n", n);
  return output_write(&j->out, line, (size_t)length);
}

static int failed(const judged *j, fm_status status, const char *what) {
  if (status == FM_STOPPED) return EXIT_INTERRUPTED;
  return cli_check(j->d->ctx, status, what, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int compare_all(judged *j) {
  const drawing *d = j->d;
  fm_eval_options o;
  fm_eval_options_init(&o);
  o.seed = j->o->seed;
  o.floor_draws = j->o->floor_draws > 0 ? (int64_t)j->o->floor_draws : -1;
  o.n_neighbours = j->o->neighbours;
  o.bandwidth = j->o->bandwidth;
  for (size_t i = 0; i < COUNT(metrics); i++) {
    /* Spare rows are behind those compared: what an exact metric leaves out is true too. */
    const size_t n = metrics[i].exact && j->n > j->o->exact_rows ? (size_t)j->o->exact_rows : j->n;
    fm_eval_result r;
    fm_eval_result_init(&r);
    const fm_status status = fm_eval_compare(d->ctx, metrics[i].kind, j->x, n, j->y, n, d->dim,
                                             j->y + n * d->dim, j->n + j->n_spare - n, &o, &r);
    const int code = failed(j, status, metrics[i].name);
    if (code != EXIT_SUCCESS) return code;
    if (!put(j, metrics[i].name, metrics[i].note, r.value, n, &r)) return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

static int measure_flow(judged *j) {
  const drawing *d = j->d;
  const size_t n = j->n > j->o->exact_rows ? (size_t)j->o->exact_rows : j->n;
  const bool alone = !d->labels && !d->cond;
  fm_solver_options solver;
  fm_eval_flow_options o;
  fm_eval_flow_result r;
  fm_sampler *sampler = NULL;
  fm_solver_options_init(&solver);
  fm_eval_flow_options_init(&o);
  fm_eval_flow_result_init(&r);
  solver.method = FM_SOLVER_EULER;
  solver.n_steps = (uint32_t)j->o->flow_steps;
  o.data_units = j->o->units;
  fm_status status = fm_sampler_create(d->ctx, d->model, &solver, NULL, &sampler);
  if (status == FM_OK)
    status = fm_eval_flow(d->ctx, sampler, j->o->seed, 0, drawing_labels(d, 0), drawing_cond(d, 0), n,
                          alone ? j->data.cells : NULL, &o, NULL, &r);
  fm_sampler_destroy(sampler);
  const int code = failed(j, status, "the flow");
  if (code != EXIT_SUCCESS) return code;
  bool ok = put(j, "straightness", "0 is straight", r.straightness, n, NULL) &&
            put(j, "path energy", "", r.path_energy, n, NULL);
  if (ok && alone) ok = put(j, "NPE", "path energy off optimal transport's, as a share", r.npe, n, NULL);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Of few rows, since every column is a product in every evaluation. Models without a density have no such
   line. */
static int measure_likelihood(judged *j) {
  const drawing *d = j->d;
  const size_t most = LOG_CELLS / d->dim, n = j->n < most ? j->n : most;
  fm_sampler_options o;
  fm_sampler *sampler = NULL;
  fm_sampler_options_init(&o);
  o.divergence = FM_DIVERGENCE_EXACT;
  if (d->dim > MOST_LOG_COLUMNS) return EXIT_SUCCESS;
  fm_status status = fm_sampler_create(d->ctx, d->model, NULL, &o, &sampler);
  if (status == FM_E_UNSUPPORTED) return EXIT_SUCCESS;
  double *found = cli_alloc(n, sizeof *found), sum = 0;
  if (status == FM_OK)
    status = fm_sampler_log_density(d->ctx, sampler, 0, drawing_labels(d, 0), drawing_cond(d, 0), n,
                                    j->data.cells, found, NULL, NULL, NULL);
  fm_sampler_destroy(sampler);
  for (size_t i = 0; i < n; i++) sum += found[i];
  free(found);
  const int code = failed(j, status, "log-densities");
  if (code != EXIT_SUCCESS) return code;
  const char *note = "nats a row, in the data's units: logp";
  return put(j, "-log p", note, -sum / (double)n, n, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int write_all(judged *j) {
  static const char header[] = "metric,value,floor_mean,floor_deviation,rows,floor_rows\n";
  const eval_options *o = j->o;
  const fm_net *net = fm_model_net(j->d->model);
  if ((fm_net_n_class_columns(net) && !j->d->labels) || (fm_net_cond_dim(net) && !j->d->cond))
    cli_note("rows are drawn without conditions: --labels, --label or --cond say those of DATA");
  if (j->n > o->exact_rows)
    cli_note("W1, W2 and the flow are of %llu of %zu rows: --exact-rows", (unsigned long long)o->exact_rows,
             j->n);
  if (o->output && (!output_open(&j->out, o->output) || !output_write(&j->out, header, sizeof header - 1)))
    return EXIT_FAILURE;
  fprintf(table_stream(j), "%-16s  %-11s  %-22s  %7s\n", "metric", "value", "noise floor", "rows");
  int code = compare_all(j);
  const bool flows = !drawing_warn_distilled(j->d, "between them there is no flow to measure");
  if (flows && code == EXIT_SUCCESS) code = measure_flow(j);
  if (flows && code == EXIT_SUCCESS) code = measure_likelihood(j);
  if (o->output && code != EXIT_SUCCESS)
    output_abort(&j->out);
  else if (o->output && !output_commit(&j->out))
    code = EXIT_FAILURE;
  return code;
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int evaluate(fm_ctx *ctx, const eval_options *o) {
  drawing d;
  judged j = {.d = &d, .o = o};
  int code = EXIT_FAILURE;
  if (!drawing_begin(&d, ctx, o->files.word[0], &o->solver, NULL)) return code;
  if (d.n_masked > 0)
    cli_fail(d.name, "Train it on rows without holes.",
             "it was trained with missing values: rows with holes have no distances");
  else if (table_read(o->files.word[1], false, &j.data)) {
    d.n = j.data.n_rows;
    if (choose_rows(&j) && labels_read(&d, o->label_file) && drawing_conditions(&d, o->label, o->cond)) {
      shuffle(&j);
      cli_stop_on_signals(ctx);
      code = draw(&j);
      if (code == EXIT_SUCCESS) code = write_all(&j);
    }
    table_free(&j.data);
  }
  if (code == EXIT_INTERRUPTED) fputs("flowmatch: interrupted\n", stderr);
  free(j.x);
  free(j.y);
  drawing_end(&d);
  return code;
}

static int check_options(eval_options *o) {
  const command *c = &eval_command;
  int code = row_words_check(c, &o->files, o->label, o->label_file);
  if (code < 0) code = solver_options_from(c, &o->how, &o->solver);
  if (code >= 0 || !o->output || strcmp(o->output, "-") == 0) return code;
  const size_t length = strlen(o->output);
  if (length > 4 && strcmp(o->output + length - 4, ".csv") == 0) return -1;
  return args_wrong(c, "'%s': end it in .csv", o->output);
}

static int run(int argc, char **argv) {
  eval_options o = {.exact_rows = 2000, .floor_draws = 8, .flow_steps = 100};
  int code = args_parse(&eval_command, argc, argv, &o);
  if (code < 0) code = check_options(&o);
  cli_quiet = o.quiet;
  if (code < 0 && o.output && !output_check(o.output)) code = EXIT_FAILURE;
  fm_ctx *ctx = code < 0 ? cli_context(o.threads) : NULL;
  if (code < 0) code = ctx ? evaluate(ctx, &o) : EXIT_FAILURE;
  fm_ctx_destroy(ctx);
  free(o.files.word);
  return code;
}
