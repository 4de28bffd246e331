/* snapshot.h - preallocated models that a trainer publishes and other threads take, without tearing. */
#ifndef FMI_SNAPSHOT_H
#define FMI_SNAPSHOT_H

#include "model/model.h"

typedef struct fmi_store fmi_store;

fmi_store *fmi_store_new(fmi_memory *memory, const fmi_parts *parts, size_t n_models, fmi_error *err);
/* The trainer's end: models that others hold live on. */
void fmi_store_close(fmi_store *store);
/* A block to fill, that nobody holds; NULL: all are held. Only the trainer's thread calls this and the
   next. */
fm_model *fmi_store_free_block(fmi_store *store);
void fmi_store_publish(fmi_store *store, fm_model *block);
/* The latest model with a reference for the caller, or NULL. From any thread. */
fm_model *fmi_store_latest(fmi_store *store);
#endif
