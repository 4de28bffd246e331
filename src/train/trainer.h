/* trainer.h - training state and one step of it. */
#ifndef FMI_TRAINER_H
#define FMI_TRAINER_H

#include "model/model.h"
#include "couple/couple.h"
#include "data/data.h"
#include "train/mean_flow.h"
#include "train/optimizer.h"
#include "train/snapshot.h"
#include "train/time.h"

/* A worker's slot. */
typedef struct fmi_train_slot {
  fmi_workspace work;
  double *x0, *x1, *eps; /* [tile][dim], normalised */
  void *noise;           /* fmi_prior_scratch */
  void *update;          /* fmi_optimizer_scratch */
  fmi_mean_flow_slot mean;
} fmi_train_slot;

/* Elementwise work on parameters goes in pieces of this length, whatever the threads. */
#define FMI_PIECE 16384u

/* Micro-batches that wait for an update. */
typedef struct fmi_pending {
  real *grad;          /* the sum of their weighted row gradients; NULL: every batch is an update */
  uint64_t n;          /* how many there are; 0: grad is whatever it was */
  double weight, loss; /* sums over their rows of weights and weighted losses */
} fmi_pending;

/* A batch whose rows are paired. */
typedef struct fmi_pairing {
  fm_coupling *coupling;  /* NULL: rows go together as they come */
  double *x0, *x1, *cond; /* the batch, normalised */
  char *scratch;
  uint64_t misses; /* batches whose plan did not reach the tolerance */
} fmi_pairing;

struct fm_trainer {
  fmi_object object;
  fmi_parts parts;
  const fm_optimizer *optimizer;
  fm_trainer_options options;    /* defaults filled in; "none" is 0 */
  fmi_plan *plan, *tangent_plan; /* the second for mean flow, or NULL */
  fmi_store *store;
  void *block; /* everything below */
  real *params, *ema, *grad, *state, *packed, *batch_block;
  fmi_batch rows; /* the batch as it came, in the data's units */
  real *xt, *ut, *cond;
  double *t, *loss, *partial;     /* [batch], [batch], [pieces of the gradient's norm] */
  double *time_weight, *uniforms; /* [batch], [batch][2] */
  double *ends,
      *times; /* [batch] second times or NULL; [batch][n_times] as the network takes them: t if it is one */
  fmi_train_slot *slots;
  size_t n_slots;
  /* counters: with params, ema and state, what a checkpoint holds */
  uint64_t step, n_rows, data_row;
  bool paired;      /* some rows came with their x0, or there is a coupling */
  double mean_loss; /* bias-corrected by step */
  fmi_pending pending;
  fmi_pairing pairing;
  fmi_plateau plateau;
  real *best; /* params, then ema, of the lowest loss on held-out rows; NULL: never validated */
  double best_loss, held_out_loss; /* the lowest, the latest */
  uint64_t best_step;              /* 0: none yet */
  uint64_t skipped;                /* snapshots */
  double grad_norm, last_loss, last_rate;
  double grad_scale; /* what makes grad the last step's gradient; 0: it isn't one */
};

fm_trainer *fmi_trainer_new(const fmi_runtime *rt, const fmi_parts *parts, const fm_optimizer *optimizer,
                            const fm_trainer_options *options, fmi_error *err);

/* The job of a step or an evaluation on the trainer's rows. */
typedef struct fmi_step {
  fm_trainer *trainer;
  const fmi_kernels *kernels;
  fmi_weights weights;
  uint64_t seed, first_row; /* of noise, times and dropout */
  size_t n;
  bool pairs, train;
} fmi_step;
/* Forward (and backward if train) over n rows; trainer->loss gets each row's squared error / dim,
   times the weight of its time. */
fm_status fmi_step_rows(const fmi_runtime *rt, fmi_step *step, fmi_error *err);
/* Rows first .. first + n of the batch, normalised: x0, x1 [n][dim]. noise: fmi_prior_scratch. */
fm_status fmi_step_ends(const fmi_step *step, size_t first, size_t n, double *x0, double *x1, void *noise,
                        fmi_error *err);

/* The coupling that the options ask for. */
fm_status fmi_pairing_new(const fmi_runtime *rt, fm_trainer *trainer, fmi_error *err);
void fmi_pairing_carve(fm_trainer *trainer, fmi_arena *arena);
/* Pairs the batch. */
fm_status fmi_pairing_form(const fmi_runtime *rt, fmi_step *step, fmi_error *err);
/* Pairs first .. first + n of it: x0, x1 [n][dim]. */
void fmi_pairing_take(const fm_trainer *trainer, size_t first, size_t n, double *x0, double *x1);

/* One micro-batch, from the rows in trainer->rows: every options.accumulate-th makes an update. The loss is
   that of its own rows, or over all processes where each batch is an update. */
fm_status fmi_trainer_step(const fmi_runtime *rt, fm_trainer *trainer, size_t n, bool pairs, double *loss,
                           fmi_error *err);
/* The 2-norm of trainer->grad as it is; infinite or NaN if one of its numbers is. */
fm_status fmi_trainer_gradient_norm(const fmi_runtime *rt, fm_trainer *trainer, double *norm, fmi_error *err);
/* Adds trainer->grad, with its sums of weights and weighted losses, to what waits for an update. */
fm_status fmi_pending_keep(const fmi_runtime *rt, fm_trainer *trainer, double weight, double loss,
                           fmi_error *err);
/* Adds what waits to trainer->grad, *weight and *loss. */
fm_status fmi_pending_join(const fmi_runtime *rt, fm_trainer *trainer, double *weight, double *loss,
                           fmi_error *err);
void fmi_pending_clear(fm_trainer *trainer);
fm_status fmi_trainer_check_rows(const fm_trainer *trainer, size_t n, bool pairs, fmi_error *err);
fm_status fmi_trainer_evaluate(const fmi_runtime *rt, fm_trainer *trainer, const fm_data *data, uint64_t seed,
                               uint64_t n, double *loss, fmi_error *err);
/* Whether the data, called name in texts, has the columns that the net has. */
fm_status fmi_trainer_check_data(const fm_trainer *trainer, const char *name, const fm_data *data,
                                 fmi_error *err);

/* fm_validation_options with defaults filled in, and workspace. */
typedef struct fmi_validation {
  const fm_data *data;
  uint64_t every, patience, draws, seed;
  real *packed;
} fmi_validation;
fm_status fmi_validation_begin(const fmi_runtime *rt, fm_trainer *trainer, const fm_data *held_out,
                               uint64_t n_steps, const fm_validation_options *options, fmi_validation *out,
                               fmi_error *err);
void fmi_validation_end(const fmi_runtime *rt, fmi_validation *validation);
bool fmi_validation_is_over(const fmi_validation *validation, const fm_trainer *trainer);
fm_status fmi_trainer_make_best(fmi_memory *memory, fm_trainer *trainer, fmi_error *err);
fm_status fmi_trainer_validate(const fmi_runtime *rt, fm_trainer *trainer, const fmi_validation *validation,
                               fmi_error *err);
/* validation may be NULL. */
fm_status fmi_trainer_run(const fmi_runtime *rt, fm_trainer *trainer, const fm_data *data, uint64_t n_steps,
                          const fmi_validation *validation, fmi_error *err);
void fmi_trainer_publish(const fmi_runtime *rt, fm_trainer *trainer);
/* After an update: once in publish_every. */
void fmi_trainer_publish_if_due(const fmi_runtime *rt, fm_trainer *trainer);
fm_model *fmi_trainer_model(const fmi_runtime *rt, const fm_trainer *trainer, fmi_error *err);
fm_model *fmi_trainer_best(const fmi_runtime *rt, const fm_trainer *trainer, fmi_error *err);
/* After weights changed: pack them for the products of a step. */
fm_status fmi_trainer_pack(const fmi_runtime *rt, const fm_trainer *trainer, const real *params, real *packed,
                           fmi_error *err);
#endif
