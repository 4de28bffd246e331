/* fit.c - training a model on a dataset: the library's handles, progress, checkpoints, the loss. */
#include "cli/fit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST_EVALUATED 8192 /* rows for the loss at the end */
#define LEAST_DRAWS 4096    /* of times and noise for it: few rows are taken repeatedly */
#define EVALUATION_SEED 0x666c6f77u

/* ---- getting ready --------------------------------------------------------------------------------- */

static int32_t on_step(void *user, const fm_progress *p) {
  fit *f = user;
  if (f->options->keep_curve) loss_curve_add(&f->curve, p->step, p->loss);
  curve_note_add(&f->history, p->step, p->mean_loss, p->held_out_loss);
  progress_show(&f->progress, p->step, p->mean_loss);
  /* Ends the call, so that a checkpoint can be written between two steps; fit_run then goes on. */
  return f->options->checkpoint && cli_seconds() - f->saved >= f->options->checkpoint_seconds;
}

static fm_trainer_options trainer_options(fit *f) {
  const fit_options *o = f->options;
  fm_trainer_options options;
  fm_trainer_options_init(&options);
  options.seed = o->seed;
  options.batch = o->batch;
  options.accumulate = o->accumulate;
  options.objective = o->objective;
  options.ema_decay = o->ema > 0 ? o->ema : -1;
  options.label_dropout = o->label_dropout > 0 ? o->label_dropout : -1;
  options.n_snapshots = 2;
  options.time_sampling = o->time_sampling;
  options.time_a = o->time[0];
  options.time_b = o->time[1];
  options.prediction = o->prediction;
  options.baseline = o->baseline;
  options.progress = on_step;
  options.progress_user = f;
  options.coupling = o->coupling;
  options.coupling_relative_regularisation = o->coupling_params[0];
  options.coupling_relaxation = o->coupling_params[1];
  options.coupling_class_weight = options.coupling_condition_weight = o->condition_weight;
  return options;
}

/* The trainer keeps what it is made from, so the parts are let go of here; the conditions' statistics serve
   evaluate_coupled. */
static fm_status create_trainer(fit *f, const dataset *d, const fm_prior *prior) {
  const fit_options *o = f->options;
  fm_normaliser *normaliser = NULL;
  fm_optimizer *optimizer = NULL;
  fm_trainer_options options = trainer_options(f);

  fm_status status = fm_normaliser_fit_data(f->ctx, o->normalise, d->train, FM_DATA_X1, &normaliser);
  if (status == FM_OK && d->cond.values)
    status =
        fm_normaliser_fit_data(f->ctx, FM_NORMALISE_COLUMNS, d->train, FM_DATA_COND, &f->cond_normaliser);
  if (status == FM_OK) status = fm_optimizer_create(f->ctx, &o->optimizer, &optimizer);
  if (status == FM_OK)
    status = fm_trainer_create(f->ctx, f->net, o->path, prior, normaliser, f->cond_normaliser, optimizer,
                               NULL, &options, &f->trainer);
  fm_normaliser_destroy(normaliser);
  fm_optimizer_destroy(optimizer);
  return status;
}

static fm_status create_all(fit *f, const dataset *d, const fm_prior *prior) {
  fm_status status = fm_net_create(f->ctx, fm_data_dim(d->train), d->labels.n_classes, d->labels.n_columns,
                                   d->cond.n_columns, &f->options->net, &f->net);
  f->train = d->train;
  f->held_out = d->held_out;
  return status == FM_OK ? create_trainer(f, d, prior) : status;
}

/* ---- checkpoints ----------------------------------------------------------------------------------- */

static bool save_checkpoint(fit *f) {
  curve_note_save(&f->history, f->options->checkpoint);
  fm_status status = fm_trainer_save(f->ctx, f->trainer, f->options->checkpoint);
  f->saved = cli_seconds();
  if (status != FM_OK) progress_break(&f->progress);
  return cli_check(f->ctx, status, f->options->checkpoint, "The checkpoint could not be written.");
}

/* A checkpoint from another run is somebody's hours: it is set aside, not overwritten. */
static bool set_aside(const char *checkpoint) {
  size_t room = strlen(checkpoint) + 2;
  char *aside = cli_alloc(room, 1);
  snprintf(aside, room, "%s~", checkpoint);
  bool ok = rename(checkpoint, aside) == 0 || cli_fail(checkpoint, NULL, "%s", strerror(errno));
  if (ok) cli_note("%s is from an earlier run (--resume would go on from it): kept as %s", checkpoint, aside);
  free(aside);
  return ok;
}

static bool begin_checkpoints(fit *f) {
  const fit_options *o = f->options;
  if (!o->checkpoint) return true;
  bool exists = access(o->checkpoint, F_OK) == 0;
  if (!o->resume) return !exists || set_aside(o->checkpoint);
  if (!exists) {
    cli_note("%s does not exist yet: starting from the beginning", o->checkpoint);
    return true;
  }
  bool ok = cli_check(f->ctx, fm_trainer_load(f->ctx, f->trainer, o->checkpoint), o->checkpoint,
                      "To go on, use the data and options of the run that wrote it; to start again, leave "
                      "--resume out.");
  if (ok) curve_note_load(&f->history, o->checkpoint, fm_trainer_steps(f->trainer));
  return ok;
}

/* ---- life ------------------------------------------------------------------------------------------ */

bool fit_create(fit *f, fm_ctx *ctx, const dataset *d, const fit_options *options) {
  memset(f, 0, sizeof *f);
  f->ctx = ctx;
  f->options = options;
  f->held_out_loss = f->curve.held_out = -1;
  fm_prior *prior;
  if (!prior_create(ctx, d, options->prior, &prior)) return false;
  fm_status status = create_all(f, d, prior);
  fm_prior_destroy(prior);
  const char *hint = status == FM_E_NOMEM ? "Use a smaller --net or --batch." : NULL;
  bool ok = cli_check(ctx, status, "setting up", hint) && begin_checkpoints(f);
  if (!ok) fit_free(f);
  return ok;
}

void fit_free(fit *f) {
  fm_model_destroy(f->model);
  fm_trainer_destroy(f->trainer);
  fm_normaliser_destroy(f->cond_normaliser);
  fm_net_destroy(f->net);
  loss_curve_free(&f->curve);
  memset(f, 0, sizeof *f);
}

/* ---- running --------------------------------------------------------------------------------------- */

static bool stops_early(const fit *f) { return f->held_out && !f->options->keep_last; }

static fm_status make_model(fit *f) {
  if (stops_early(f) && fm_trainer_best(f->ctx, f->trainer, &f->model, NULL) == FM_OK) return FM_OK;
  return fm_trainer_model(f->ctx, f->trainer, &f->model);
}

/* With a coupling the loss is that of its pairs, as a trainer of the model has it. */
static fm_status evaluate_coupled(fit *f, const fm_data *data, size_t draws, double *loss) {
  const size_t n = fm_net_n_params(f->net);
  float *params = cli_alloc(2 * n, sizeof *params);
  fm_trainer_options options = trainer_options(f);
  fm_trainer *trainer = NULL;
  fm_status status = fm_model_get_params(f->ctx, f->model, params, params + n);
  if (status == FM_OK)
    status = fm_trainer_create(f->ctx, f->net, fm_model_path(f->model), fm_model_prior(f->model),
                               fm_model_normaliser(f->model), f->cond_normaliser, NULL, params + n, &options,
                               &trainer);
  if (status == FM_OK) status = fm_trainer_evaluate(f->ctx, trainer, data, EVALUATION_SEED, draws, loss);
  fm_trainer_destroy(trainer);
  free(params);
  return status;
}

/* Over enough draws of times and noise for a figure that can be compared: few rows are taken repeatedly. */
static fm_status evaluate(fit *f, const fm_data *data, size_t n, double *loss) {
  size_t draws = n < LEAST_DRAWS ? (LEAST_DRAWS + n - 1) / n * n : n < MOST_EVALUATED ? n : MOST_EVALUATED;
  if (f->options->coupling != FM_COUPLING_INDEPENDENT) return evaluate_coupled(f, data, draws, loss);
  return fm_model_evaluate(f->ctx, f->model, data, EVALUATION_SEED, draws, loss);
}

static fm_status run(fit *f) {
  if (!stops_early(f)) return fm_trainer_run(f->ctx, f->trainer, f->train, f->options->steps);
  fm_validation_options validation;
  fm_validation_options_init(&validation);
  validation.patience = f->options->patience;
  validation.seed = EVALUATION_SEED;
  return fm_trainer_run_validated(f->ctx, f->trainer, f->train, f->held_out, f->options->steps, &validation);
}

static fm_status train(fit *f) {
  for (;;) {
    fm_status status = run(f);
    if (status != FM_E_CALLBACK) return status;
    /* on_step asks for a checkpoint. One that can't be written is reported, and training goes on: the disk
       may be fuller for now than it is in the end. */
    save_checkpoint(f);
  }
}

static fm_status train_and_evaluate(fit *f, const dataset *d) {
  progress_begin(&f->progress, "steps", fm_trainer_steps(f->trainer), f->options->steps);
  f->saved = cli_seconds();
  fm_status status = train(f);
  f->seconds = progress_seconds(&f->progress);
  progress_end(&f->progress);
  if (status == FM_OK) status = make_model(f);
  if (status == FM_OK) status = evaluate(f, f->train, d->n_train, &f->train_loss);
  if (status == FM_OK && f->held_out) status = evaluate(f, f->held_out, d->n_held_out, &f->held_out_loss);
  f->curve.held_out = f->held_out_loss;
  return status;
}

fit_result fit_run(fit *f, const dataset *d) {
  fm_status status = train_and_evaluate(f, d);
  if (status != FM_OK && status != FM_STOPPED) {
    cli_check(f->ctx, status, "training", status == FM_E_NONFINITE ? "Try a smaller --lr." : NULL);
    return FIT_FAILED;
  }
  if (f->options->checkpoint && !save_checkpoint(f)) return FIT_FAILED;
  return status == FM_OK ? FIT_DONE : FIT_INTERRUPTED;
}
