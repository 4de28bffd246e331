/* model.h - what a trained flow is: network, weights, path, prior, statistics. Immutable once made. */
#ifndef FMI_MODEL_H
#define FMI_MODEL_H

#include "net/net.h"
#include "net/runtime.h"
#include "path/form.h"

/* ---- normaliser: z = (x - shift) / scale; scale 0 marks a constant column ------------------------- */

struct fm_normaliser {
  fmi_object object;
  size_t dim;
  double *shift, *scale;
};

fm_normaliser *fmi_normaliser_new(fmi_memory *memory, const double *shift, const double *scale, size_t dim,
                                  fmi_error *err);
fm_normaliser *fmi_normaliser_identity(fmi_memory *memory, size_t dim, fmi_error *err);

/* Statistics row by row. */
typedef struct fmi_statistics {
  size_t dim;
  uint64_t n;
  double *mean, *m2; /* [dim] */
} fmi_statistics;
void fmi_statistics_add(fmi_statistics *s, const double *row);
/* mean and m2 become shift and scale. */
fm_status fmi_statistics_finish(fmi_statistics *s, uint32_t kind, fmi_error *err);

void fmi_normalise(const fm_normaliser *norm, const double *x, size_t n, double *z);
void fmi_denormalise(const fm_normaliser *norm, const double *z, size_t n, double *x);

/* ---- prior ---------------------------------------------------------------------------------------- */

#define FMI_PRIOR_ARRAYS 3u
typedef struct fmi_prior_kind fmi_prior_kind; /* model/prior.h */

struct fm_prior {
  fmi_object object;
  const fmi_prior_kind *kind;
  size_t n, dim;                    /* 0: any */
  double *arrays[FMI_PRIOR_ARRAYS]; /* as the kind lists them, in the data's units */
  double *derived;
  /* the caller's */
  fm_prior_fn fn;
  fm_log_density_fn log_density;
  void *user;
};

const fmi_prior_kind *fmi_prior_by_kind(uint32_t kind);    /* NULL: unknown */
const fmi_prior_kind *fmi_prior_by_name(const char *name); /* NULL: unknown */
size_t fmi_prior_n_arrays(const fm_prior *prior);
/* The shape of array i for files: [3], ending at 0. */
void fmi_prior_shape(const fmi_prior_kind *kind, size_t i, size_t n, size_t dim, uint64_t shape[3]);

/* Copies and checks the arrays of the kind: given [FMI_PRIOR_ARRAYS]. */
fm_prior *fmi_prior_new(fmi_memory *memory, uint32_t kind, size_t n, size_t dim, const double *const *given,
                        fmi_error *err);
fm_prior *fmi_prior_new_gaussian(fmi_memory *memory, fmi_error *err);
fm_status fmi_prior_log_density(const fm_prior *prior, const double *x, size_t n, size_t dim, double *out,
                                fmi_error *err);
/* Rows first_row .. of the source that seed names, normalised: z [n][dim]. scratch: fmi_prior_scratch
   bytes. */
fm_status fmi_prior_draw(const fm_prior *prior, const fm_normaliser *norm, const fmi_kernels *kernels,
                         uint64_t seed, uint64_t first_row, size_t n, size_t dim, double *z, void *scratch,
                         fmi_error *err);
/* The same in the data's units; norm NULL: identity. */
fm_status fmi_prior_draw_units(const fm_prior *prior, const fm_normaliser *norm, const fmi_kernels *kernels,
                               uint64_t seed, uint64_t first_row, size_t n, size_t dim, double *x,
                               void *scratch, fmi_error *err);
size_t fmi_prior_scratch(size_t dim);

/* Standard normals of a row: z [n]. scratch as above, for n. */
void fmi_normals(const fmi_kernels *kernels, uint64_t seed, uint32_t stream, uint64_t row, size_t n,
                 double *z, void *scratch);

/* ---- model ---------------------------------------------------------------------------------------- */

typedef struct fmi_note {
  char *key, *value;
} fmi_note;

struct fm_model {
  fmi_object object;
  const fm_net *net;
  const fm_path *path;
  const fm_prior *prior;
  const fm_normaliser *normaliser, *cond_normaliser;
  fmi_prediction prediction; /* what the net's output is */
  real *params, *ema;
  real *packed; /* ema, packed for sampling */
  uint64_t train_steps;
  bool paired; /* x0 and x1 of its training depend on each other */
  fmi_note *notes;
  size_t n_notes;
  void *store; /* the snapshot store this model is a block of, or NULL */
};

/* What fm_model_create and fm_trainer_create share: defaults filled in, everything retained, sizes
   checked. */
typedef struct fmi_parts {
  const fm_net *net;
  const fm_path *path;
  const fm_prior *prior;
  const fm_normaliser *normaliser, *cond_normaliser;
  fmi_prediction prediction; /* kind and baseline */
} fmi_parts;
/* Those of a model, not held. */
fmi_parts fmi_parts_of(const fm_model *model);
fm_status fmi_parts_hold(fmi_memory *memory, fmi_parts *parts, fmi_error *err);
void fmi_parts_release(fmi_parts *parts);

/* A model with room for weights; the caller fills params and ema and calls fmi_model_pack. */
fm_model *fmi_model_new(fmi_memory *memory, const fmi_parts *parts, fmi_error *err);
void fmi_model_pack(fm_model *model, const fmi_kernels *kernels);
void fmi_model_destroy_parts(fm_model *model); /* all but the handle itself */
fm_status fmi_model_add_note(fm_model *model, const char *key, const char *value, fmi_error *err);
const char *fmi_model_note(const fm_model *model, const char *key); /* NULL: it has none */
/* All notes of `from` but the one called `but`, which may be NULL. */
fm_status fmi_model_copy_notes(fm_model *to, const fm_model *from, const char *but, fmi_error *err);
/* The note of a model that is for so many Euler steps, and how many these are, 0 if it isn't. */
#define FMI_NOTE_EULER_STEPS "euler_steps"
uint32_t fmi_model_euler_steps(const fm_model *model);

/* Row arrays from outside, checked: labels in range, conditions finite. Texts name row and column. */
fm_status fmi_check_labels(const fm_net *net, const int32_t *labels, size_t n, fmi_error *err);
fm_status fmi_check_weights(const float *weights, size_t n, fmi_error *err);
fm_status fmi_check_finite_f32(const char *name, const float *x, size_t n, size_t dim, fmi_error *err);
fm_status fmi_check_finite_f64(const char *name, const double *x, size_t n, size_t dim, fmi_error *err);
#endif
