/*
 * flowmatch_reflow.h - few steps: straight flows (reflow), flows for k Euler steps (distillation)
 * SPDX-License-Identifier: MIT
 *
 * Rows of the source and what a trained model makes of them are pairs. A model trained on such pairs has the
 * same distribution and straighter paths, which few steps follow (reflow); one trained on them at the times
 * of k Euler steps alone is that map in k evaluations (distillation). Both are section 2 and algorithm 1 of
 * Liu et al., "Flow Straight and Fast", ICLR 2023.
 *
 * The conventions stand in flowmatch.h.
 */
#ifndef FLOWMATCH_REFLOW_H
#define FLOWMATCH_REFLOW_H

#include "flowmatch_parts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Few steps ----------------------------------------------------------------------------------- */

/* What a reflow is doing. */
#define FM_REFLOW_GENERATING 1u /* pairs, by the model of the round before */
#define FM_REFLOW_TRAINING 2u   /* the new model on them */

#define FM_REFLOW_MOST_ROUNDS 8u /* of reflow, distillation aside */

/* What a reflow has come to. */
typedef struct fm_reflow_progress {
  uint64_t struct_size;
  uint64_t round;    /* from 0 */
  uint64_t n_rounds; /* in all, distillation, which comes last, among them */
  uint64_t phase;    /* FM_REFLOW_GENERATING or FM_REFLOW_TRAINING */
  uint64_t done;     /* pairs of the pool, or steps of training, in this round */
  uint64_t total;    /* of them */
  double loss;       /* training: of this step, else 0 */
  double mean_loss;  /* training: running mean over about 100 steps, else 0 */
  double straightness; /* S of the model that the pairs are drawn from: see fm_reflow_stats */
} fm_reflow_progress;
typedef int32_t (*fm_reflow_progress_fn)(void *user, const fm_reflow_progress *progress);

/* How a model is made straight. */
typedef struct fm_reflow_options {
  uint64_t struct_size;
  int64_t rounds;         /* of reflow, up to FM_REFLOW_MOST_ROUNDS; 0: 1; negative: none, to distill alone */
  uint64_t distill_steps; /* k: a last round trains at the times 0, 1/k ... (k-1)/k alone, so that k Euler
                             steps make what the model before makes; at most 1000; 0: none */
  uint64_t from_scratch;  /* 1: weights of a round begin at fm_net_init with the trainer's seed; 0: at the
                             averaged weights of the model before */
  uint64_t pairs;         /* most pairs kept at a time, 8 bytes for every column of each, and its condition;
                             at most 2^31; 0: 50000. Never more than the steps of a round see */
  double renewal;         /* share of the pairs, the oldest first, that is generated anew after every pass of
                             training over all; at most 1; 0: 0.1; negative: none */
  uint64_t straightness_rows;  /* over which S is measured, at most 10^6; 0: 512 */
  uint64_t straightness_steps; /* Euler steps of that, at most 10^6; 0: 100 */
  fm_reflow_progress_fn progress; /* called after every 960 pairs and every step, from the calling thread */
  void *progress_user;
} fm_reflow_options;

/* What was done. S = integral of E||(z1 - z0) - v(t, z_t)||^2 dt, z the model's flow from its source, is 0 if
   and only if the paths are straight (Liu et al., section 2.2): summed over columns, normalised units, by
   Euler steps. */
typedef struct fm_reflow_stats {
  uint64_t struct_size;
  uint64_t n_rounds; /* rounds of reflow completed */
  uint64_t n_steps;  /* steps of training, in all */
  uint64_t n_pairs;  /* generated, in all */
  uint64_t nfe;      /* rows evaluated for them: sum over calls of the network of their rows */
  double loss;       /* of the last round, running mean over about 100 steps */
  double straightness[9]; /* S before the first round, then after each that was completed, distillation aside;
                             0 beyond */
} fm_reflow_stats;

/* Reflow, distillation, or one after the other. In each round pairs (x0, x1) are generated, x0 of the model's
   prior and x1 where its flow takes it by `solver` (NULL: the default of fm_sampler_create; the published
   recipe is 1000 Euler steps), and a model of the same net, prior and statistics is trained on them for the
   optimiser's n_steps steps on the straight path FM_PATH_CONDOT, whatever the path of `model`. It predicts
   what `model` does, which may be neither a score nor a mean velocity: FM_E_UNSUPPORTED. It counts as trained
   on dependent pairs, and diffusion is FM_E_UNSUPPORTED with it. Notes are kept.
   Conditions of the pairs are those of rows drawn from `data` with their weights; x1 and x0 of data aren't
   looked at. data NULL: for models without conditions only. A share label_dropout of the pairs has the null
   condition, also for the model that generates them: give a negative one if that was trained without.
   Not used are, of trainer_options, publish_every, n_snapshots, prediction and baseline, and in the
   distillation times and loss weights; a coupling is FM_E_UNSUPPORTED. Its progress is called too.
   Models that predict x0 can't be distilled (FM_E_UNSUPPORTED): at t = 0 it says nothing of the data. The
   result of a distillation has the note "euler_steps", k, which makes k Euler steps the default of
   fm_sampler_create where no log-densities are asked for; it is good for nothing else, S included.
   Memory is bounded by the pool of pairs, a trainer and a sampler, whatever the rounds and steps; all of it
   is allocated for the call. Bits don't depend on the number of threads. On FM_STOPPED and FM_E_CALLBACK *out
   is the model so far, that of the last round of which a step was done, or NULL. optimizer, solver, options,
   trainer_options and stats may be NULL; stats is also written on these two. */
FM_API fm_status fm_reflow(fm_ctx *ctx, const fm_model *model, const fm_data *data,
                           const fm_optimizer *optimizer, const fm_solver_options *solver,
                           const fm_reflow_options *options, const fm_trainer_options *trainer_options,
                           fm_model **out, fm_reflow_stats *stats);

/* ---- Setting up structs -------------------------------------------------------------------------- */

FM_DEFINE_INIT_(fm_reflow_options)
FM_DEFINE_INIT_(fm_reflow_stats)

#ifdef __cplusplus
}
#endif
#endif
