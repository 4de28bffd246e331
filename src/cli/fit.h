/* fit.h - training a model on a dataset: the library's handles, progress, checkpoints, the loss. */
#ifndef CLI_FIT_H
#define CLI_FIT_H

#include "cli/curve_note.h"
#include "cli/dataset.h"
#include "cli/plot.h"
#include "cli/progress.h"

typedef struct fit_options {
  fm_net_options net;
  const fm_path *path;
  const char *prior;  /* NULL: Gaussian */
  uint32_t normalise; /* FM_NORMALISE_... */
  uint64_t steps, batch, seed;
  fm_optimizer_options optimizer;
  uint64_t accumulate;       /* batches in a step */
  uint64_t objective;        /* FM_OBJECTIVE_... */
  double ema, label_dropout; /* 0: none */
  bool keep_last;            /* train to the end whatever held-out rows say */
  uint64_t patience;         /* steps; 0: the library's */
  uint32_t time_sampling;    /* FM_TIME_... */
  double time[2];            /* its parameters; 0: the defaults */
  uint32_t coupling;         /* FM_COUPLING_... */
  double coupling_params[2]; /* relative regularisation and relaxation; 0: the defaults */
  uint32_t prediction;       /* FM_VELOCITY, ... */
  bool baseline;
  double condition_weight;   /* of classes and condition vectors; 0: the defaults, negative: none */
  const char *checkpoint;    /* NULL: none */
  double checkpoint_seconds; /* between checkpoints */
  bool resume, keep_curve;
} fit_options;

typedef enum fit_result { FIT_DONE, FIT_FAILED, FIT_INTERRUPTED } fit_result;

typedef struct fit {
  fm_ctx *ctx;
  const fit_options *options;
  fm_net *net;
  const fm_data *train, *held_out; /* the dataset's; held_out NULL: no rows are */
  fm_normaliser *cond_normaliser;  /* NULL: no condition vectors */
  fm_trainer *trainer;
  progress progress;
  loss_curve curve;
  curve_note history;   /* of all steps, those before a resume too */
  double saved;         /* when the last checkpoint was written */
  double seconds;       /* that training took */
  double train_loss;    /* of the averaged weights; the same measure on both kinds of rows */
  double held_out_loss; /* negative: not known */
  fm_model *model;      /* the result: the best on held-out rows, or the last */
} fit;

/* The source that --prior names, NULL for the Gaussian. A failure is reported. */
bool prior_create(fm_ctx *ctx, const dataset *d, const char *text, fm_prior **out);

/* Makes everything ready, and continues from the checkpoint if options say so. ctx, d and options must
   outlive f. A failure is reported and leaves nothing to free. */
bool fit_create(fit *f, fm_ctx *ctx, const dataset *d, const fit_options *options);
void fit_free(fit *f);
/* Trains, makes the model and measures its losses. A failure is reported, an interruption is not. */
fit_result fit_run(fit *f, const dataset *d);

#endif
