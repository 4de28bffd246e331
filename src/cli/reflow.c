/* reflow.c - flowmatch reflow: a model whose paths are straight, or one for so many steps. */
#include "cli/args.h"
#include "cli/curve_note.h"
#include "cli/dataset.h"
#include "cli/note.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/solver.h"

#include "flowmatch_reflow.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define AUTOMATIC_SHARE (-1.0)

typedef struct reflow_options {
  word_list files; /* the model, then the data */
  const char *output, *labels, *cond;
  double label_dropout, rate, ema, renewal;
  uint64_t rounds, distill, pairs, steps, batch, seed, threads;
  solver_words how; /* of the flow that makes the pairs */
  fm_solver_options solver;
  bool from_scratch, quiet;
} reflow_options;

#define AT(member) offsetof(reflow_options, member)
#define HOW(member) (AT(how) + offsetof(solver_words, member))
static const option options[] = {
    {OPTION_TEXT, 'o', "output", "MODEL", AT(output), 0, 0, "where the new model goes, a .safetensors file"},
    {OPTION_COUNT, 0, "rounds", "N", AT(rounds), 0, FM_REFLOW_MOST_ROUNDS,
     "rounds of reflow (1); 0: none, --distill only"},
    {OPTION_COUNT, 0, "distill", "K", AT(distill), 1, 1000,
     "after the rounds, train for K Euler steps; `sample` then takes them by itself"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "What rows depend on, if the model was trained with it"},
    {OPTION_TEXT, 0, "labels", "FILE", AT(labels), 0, 0, "classes, a row for each of DATA, as for training"},
    {OPTION_TEXT, 0, "cond", "FILE", AT(cond), 0, 0, "numbers, likewise"},
    {OPTION_REAL, 0, "label-dropout", "X", AT(label_dropout), 0, 1,
     "share of pairs without their condition, so that the new model can also draw without (0.1, none if the "
     "model can't); 0: none"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "Pairs of noise and what the model makes of it"},
    {OPTION_COUNT, 0, "pairs", "N", AT(pairs), 1, 2147483648., "how many are kept at a time (50000)"},
    {OPTION_REAL, 0, "renewal", "X", AT(renewal), 0, 1,
     "share of them made anew after every pass of training over all (0.1); 0: none"},
    {OPTION_TEXT, 0, "solver", "NAME", HOW(method), 0, 0,
     "that makes them, of the list below; auto: euler if --solver-steps is given or MODEL was distilled for "
     "steps, "
     "else dopri5 (auto)"},
    {OPTION_COUNT, 0, "solver-steps", "N", HOW(steps), 1, 1e6, "fixed steps, and how many"},
    {OPTION_REAL, 0, "rtol", "X", HOW(rtol), 1e-12, 1, "chosen steps: relative tolerance (1e-3)"},
    {OPTION_REAL, 0, "atol", "X", HOW(atol), 1e-12, 1,
     "chosen steps: absolute tolerance, in deviations (1e-3)"},
    {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "Training"},
    {OPTION_COUNT, 0, "steps", "N", AT(steps), 1, INFINITY, "training steps of a round (4000)"},
    {OPTION_COUNT, 0, "batch", "N", AT(batch), 1, 1e6, "pairs in a step (256)"},
    {OPTION_REAL, 0, "lr", "X", AT(rate), 1e-12, 1e3, "learning rate (0.001)"},
    {OPTION_REAL, 0, "ema", "X", AT(ema), 0, .9999999,
     "decay of the weights' moving average (0.999); 0: none"},
    {OPTION_FLAG, 0, "from-scratch", NULL, AT(from_scratch), 0, 0,
     "begin with new weights in every round, not with those of the model before"},
    {OPTION_COUNT, 0, "seed", "N", AT(seed), 0, 0, "same seed, same model (0)"},
    {OPTION_COUNT, 0, "threads", "N", AT(threads), 1, 256,
     "processors to use (all, up to 16); the model does not depend on it"},
    {OPTION_FLAG, 'q', "quiet", NULL, AT(quiet), 0, 0, "print errors only"},
};

static int run(int argc, char **argv);

const command reflow_command = {
    .name = "reflow",
    .synopsis = "MODEL [DATA...] -o NEW [options]",
    .summary = "make a model straight, for few steps",
    .description = "Trains a new model on pairs of noise and what MODEL makes of it. Its samples have the\n"
                   "same distribution, but their paths are straighter, so that few steps are enough:\n"
                   "`flowmatch sample NEW --steps 4`. With --distill K the result is for K steps and\n"
                   "nothing else.\n"
                   "\n"
                   "A model with classes or conditions needs DATA with its --labels or --cond, as it was\n"
                   "trained: pairs are made under the conditions of its rows. Others need none.\n"
                   "\n",
    .examples = "  flowmatch reflow rows.safetensors -o straight.safetensors\n"
                "  flowmatch sample straight.safetensors -n 1000 --steps 2 -o new.csv\n"
                "  flowmatch reflow digits.safetensors digits.npy --labels classes.npy --distill 1 \\\n"
                "      -o one-step.safetensors\n"
                "  flowmatch sample one-step.safetensors -n 100 --label each -o digits.png\n",
    .operand = "MODEL",
    .operand_offset = AT(files),
    .several = true,
    .options = options,
    .n_options = COUNT(options),
    .more_help = solver_help,
    .run = run,
};

static int check_options(reflow_options *o) {
  const command *c = &reflow_command;
  if (!o->output) return args_wrong(c, "where should the new model go? -o NEW is missing");
  if (o->rounds == 0 && o->distill == 0) return args_wrong(c, "--rounds 0 goes with --distill K");
  if (o->files.n < 2 && (o->labels || o->cond))
    return args_wrong(c, "--%s is for the rows of DATA, which is missing", o->labels ? "labels" : "cond");
  return solver_options_from(c, &o->how, &o->solver);
}

/* ---- a run ----------------------------------------------------------------------------------------- */

typedef struct reflow {
  fm_ctx *ctx;
  const reflow_options *o;
  fm_model *model, *made;
  dataset d;
  fm_reflow_stats stats;
  progress progress;
  uint64_t round, phase; /* that the progress is about; phase 0: none yet */
  uint64_t steps_before; /* of this round */
  curve_note history;
  double seconds;
} reflow;

static int32_t on_progress(void *user, const fm_reflow_progress *p) {
  reflow *r = user;
  if (p->round != r->round || p->phase != r->phase) {
    if (r->phase == FM_REFLOW_TRAINING) r->steps_before += r->o->steps;
    const bool distills = r->o->distill > 0 && p->round + 1 == p->n_rounds;
    if (p->phase == FM_REFLOW_GENERATING && distills)
      cli_note("distillation for %llu step%s", (unsigned long long)r->o->distill, S(r->o->distill));
    else if (p->phase == FM_REFLOW_GENERATING)
      cli_note("round %llu: straightness %.4g, and 0 is straight", (unsigned long long)p->round + 1,
               p->straightness);
    progress_begin(&r->progress, p->phase == FM_REFLOW_GENERATING ? "pairs" : "steps", 0, p->total);
    r->round = p->round;
    r->phase = p->phase;
  }
  const bool trains = p->phase == FM_REFLOW_TRAINING;
  if (trains) curve_note_add(&r->history, r->steps_before + p->done, p->mean_loss, 0);
  progress_show(&r->progress, p->done, trains ? p->mean_loss : NAN);
  if (p->done == p->total) progress_end(&r->progress);
  return 0;
}

/* Whether the model can draw without a condition. */
static bool is_required(const fm_model *model) {
  const char *note = fm_model_note(model, "conditions");
  return note && strcmp(note, "required") == 0;
}

static bool has_conditions(const fm_model *model) {
  const fm_net *net = fm_model_net(model);
  return fm_net_n_class_columns(net) + fm_net_cond_dim(net) > 0;
}

/* The rows with the conditions that pairs are made under, if the model has any. */
static bool read_data(reflow *r) {
  const reflow_options *o = r->o;
  const word_list files = {o->files.word + 1, o->files.n - 1};
  const char *name = o->files.word[0];
  if (!has_conditions(r->model))
    return files.n == 0 || dataset_read(r->ctx, &files, o->labels, o->cond,
                                        fm_model_note(r->model, "missing") != NULL, &r->d);
  if (files.n == 0)
    return cli_fail(name, "Give the DATA that it was trained on, with --labels or --cond.",
                    "it was trained with conditions, and pairs need some too");
  const fm_net *net = fm_model_net(r->model);
  if (fm_net_n_class_columns(net) > 0 && !o->labels)
    return cli_fail(name, "Say with --labels FILE which classes the rows of DATA have.",
                    "it was trained with classes, and pairs need some too");
  if (fm_net_cond_dim(net) > 0 && !o->cond)
    return cli_fail(name, "Say with --cond FILE which conditions the rows of DATA have.",
                    "it was trained with conditions, and pairs need some too");
  if (o->label_dropout > 0 && is_required(r->model))
    return cli_fail("--label-dropout", NULL, "%s was trained without it, and can't draw without a condition",
                    name);
  return dataset_read(r->ctx, &files, o->labels, o->cond, fm_model_note(r->model, "missing") != NULL, &r->d);
}

static fm_trainer_options trainer_options(const reflow *r) {
  const reflow_options *o = r->o;
  fm_trainer_options t;
  fm_trainer_options_init(&t);
  const bool none = o->label_dropout == 0 || (o->label_dropout < 0 && is_required(r->model));
  t.seed = o->seed;
  t.batch = o->batch;
  t.ema_decay = o->ema > 0 ? o->ema : -1;
  t.label_dropout = none ? -1 : o->label_dropout > 0 ? o->label_dropout : 0;
  return t;
}

static fm_status make_model(reflow *r) {
  const reflow_options *o = r->o;
  const fm_trainer_options t = trainer_options(r);
  fm_reflow_options how;
  fm_optimizer_options update;
  fm_optimizer *optimizer = NULL;
  fm_reflow_options_init(&how);
  fm_optimizer_options_init(&update);
  fm_reflow_stats_init(&r->stats);
  how.rounds = o->rounds > 0 ? (int64_t)o->rounds : -1;
  how.distill_steps = o->distill;
  how.from_scratch = o->from_scratch;
  how.pairs = o->pairs;
  how.renewal = o->renewal > 0 ? o->renewal : -1;
  how.progress = on_progress;
  how.progress_user = r;
  update.n_steps = o->steps;
  update.learning_rate = o->rate;
  const double began = cli_seconds();
  fm_status status = fm_optimizer_create(r->ctx, &update, &optimizer);
  fm_solver_options solver = o->solver;
  solver_settle(r->model, false, &solver);
  if (status == FM_OK)
    status = fm_reflow(r->ctx, r->model, r->d.all, optimizer, &solver, &how, &t, &r->made, &r->stats);
  fm_optimizer_destroy(optimizer);
  r->seconds = cli_seconds() - began;
  progress_break(&r->progress);
  return status;
}

/* The notes on the training are those of the model before: they become this one's. */
static bool save_model(reflow *r) {
  fm_model **m = &r->made;
  fm_ctx *ctx = r->ctx;
  char curve[CURVE_TEXT];
  curve_note_write(&r->history, curve);
  bool ok = add_number(ctx, m, "training_loss", r->stats.loss) && add_note(ctx, m, "held_out_loss", "") &&
            add_number(ctx, m, "training_rows", (double)r->stats.n_pairs) &&
            add_note(ctx, m, CURVE_KEY, curve);
  if (ok && r->o->distill) ok = add_note(ctx, m, "straightness", "");
  if (ok && !r->o->distill) ok = add_number(ctx, m, "straightness", r->stats.straightness[r->stats.n_rounds]);
  if (ok && r->o->label_dropout == 0 && has_conditions(r->model))
    ok = add_note(ctx, m, "conditions", "required");
  return ok && cli_check(ctx, fm_model_save(ctx, *m, r->o->output), r->o->output, NULL);
}

static void report(const reflow *r) {
  char time[32];
  const fm_reflow_stats *s = &r->stats;
  printf("straight  %.4g", s->straightness[0]);
  for (uint64_t i = 1; i <= s->n_rounds; i++) printf(" -> %.4g", s->straightness[i]);
  printf("\ntrained   %llu steps on %llu pairs in %s\n", (unsigned long long)s->n_steps,
         (unsigned long long)s->n_pairs, progress_time_text(time, r->seconds));
  if (r->o->distill)
    printf("for       %llu Euler step%s\n", (unsigned long long)r->o->distill, S(r->o->distill));
  printf("wrote     %s\n", r->o->output);
}

static int make(reflow *r) {
  const char *name = r->o->files.word[0];
  if (!cli_check(r->ctx, fm_model_load(r->ctx, name, &r->model), name, NULL) || !read_data(r))
    return EXIT_FAILURE;
  cli_stop_on_signals(r->ctx);
  const fm_status status = make_model(r);
  if (status == FM_STOPPED) {
    fputs("flowmatch: interrupted; nothing was written\n", stderr);
    return EXIT_INTERRUPTED;
  }
  if (!cli_check(r->ctx, status, "reflow", status == FM_E_NONFINITE ? "Try a smaller --lr." : NULL))
    return EXIT_FAILURE;
  if (!save_model(r)) return EXIT_FAILURE;
  if (!cli_quiet) report(r);
  return EXIT_SUCCESS;
}

static int run(int argc, char **argv) {
  reflow_options o = {.label_dropout = AUTOMATIC_SHARE,
                      .ema = .999,
                      .renewal = .1,
                      .rounds = 1,
                      .pairs = 50000,
                      .steps = 4000,
                      .batch = 256};
  reflow r = {.o = &o};
  int code = args_parse(&reflow_command, argc, argv, &o);
  if (code < 0) code = check_options(&o);
  cli_quiet = o.quiet;
  if (code < 0 && !output_check(o.output)) code = EXIT_FAILURE;
  if (code < 0) r.ctx = cli_context(o.threads);
  if (code < 0) code = r.ctx ? make(&r) : EXIT_FAILURE;
  dataset_free(&r.d);
  fm_model_destroy(r.made);
  fm_model_destroy(r.model);
  fm_ctx_destroy(r.ctx);
  free(o.files.word);
  return code;
}
