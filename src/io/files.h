/* files.h - models and checkpoints as safetensors files. */
#ifndef FMI_FILES_H
#define FMI_FILES_H

#include "io/safetensors.h"
#include "model/model.h"
#include "net/runtime.h"
#include "train/trainer.h"

fm_status fmi_model_write(fmi_memory *memory, const fm_model *model, const char *file, fmi_error *err);
fm_model *fmi_model_read(const fmi_runtime *rt, const void *bytes, size_t n_bytes, fmi_error *err);

fm_status fmi_checkpoint_write(fmi_memory *memory, const fm_trainer *trainer, const char *file,
                               fmi_error *err);
fm_status fmi_checkpoint_read(const fmi_runtime *rt, fm_trainer *trainer, const void *bytes, size_t n_bytes,
                              fmi_error *err);

/* ---- shared by the two: the description of a flow as text pairs ------------------------------------ */

#define FMI_FORMAT_VERSION "1"
#define FMI_SPEC_PAIRS 96u
#define FMI_SPEC_KEY 32u

typedef struct fmi_spec {
  fmi_pair pairs[FMI_SPEC_PAIRS];
  char texts[FMI_SPEC_PAIRS][40];
  char keys[FMI_SPEC_PAIRS][FMI_SPEC_KEY]; /* those that are put together */
  size_t n;
} fmi_spec;

void fmi_spec_text(fmi_spec *spec, const char *key, const char *value); /* value outlives spec */
void fmi_spec_u64(fmi_spec *spec, const char *key, uint64_t value);
void fmi_spec_double(fmi_spec *spec, const char *key, double value);
/* Format, content ("model", "checkpoint"), net and what it predicts, path and prior. */
void fmi_spec_flow(fmi_spec *spec, const char *content, const fmi_parts *parts);

/* A pair of a file, what it means that an older file lacks it, or FM_E_FORMAT naming it. */
fm_status fmi_spec_get(const fmi_safetensors *st, const char *key, const char **value, fmi_error *err);
/* A number of at most `most`. */
fm_status fmi_spec_get_u64(const fmi_safetensors *st, const char *key, uint64_t most, uint64_t *value,
                           fmi_error *err);
/* What the net predicts: a velocity without a baseline where the file says nothing. */
fm_status fmi_spec_prediction(const fmi_safetensors *st, fmi_prediction *prediction, fmi_error *err);
/* The path, NULL on failure: its kind and parameters, each in its range; the default where there is none. */
fm_path *fmi_spec_path(fmi_memory *memory, const fmi_safetensors *st, fmi_error *err);
/* The name of a prior's array in files, "prior.low": returns name. */
const char *fmi_prior_tensor(const fmi_prior_kind *kind, size_t i, char name[FMI_SPEC_KEY]);
/* The prior of a flow of dim columns, NULL on failure: its kind, and its arrays, which fmi_prior_new
   checks. */
fm_prior *fmi_spec_prior(fmi_memory *memory, const fmi_safetensors *st, size_t dim, fmi_error *err);
/* Checks format and content. */
fm_status fmi_spec_check(const fmi_safetensors *st, const char *content, fmi_error *err);

#ifdef FMI_DOUBLE
#define FMI_REAL_DTYPE FMI_F64
#else
#define FMI_REAL_DTYPE FMI_F32
#endif

/* A tensor on memory of ours, shape ending at the first 0. */
fmi_tensor fmi_tensor_on(const char *name, fmi_dtype dtype, const void *data, const uint64_t shape[3]);
/* The tensor of that name with dtype and shape, or FM_E_FORMAT saying what was expected and found. */
fm_status fmi_tensor_get(const fmi_safetensors *st, const char *name, fmi_dtype dtype,
                         const uint64_t shape[3], const void **data, fmi_error *err);
#endif
