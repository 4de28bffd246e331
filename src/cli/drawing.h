/* drawing.h - rows from a model: which ones, under which conditions, block by block. */
#ifndef CLI_DRAWING_H
#define CLI_DRAWING_H

#include "cli/dataset.h"
#include "cli/progress.h"

typedef struct drawing {
  fm_ctx *ctx;
  const char *name; /* the model's file */
  fm_model *model;
  fm_sampler *sampler;
  size_t dim;     /* columns of a row, without those that say what is missing */
  size_t *masked; /* [n_masked]: the columns that may be missing; each is NaN where its indicator says so */
  size_t n_masked;
  size_t n; /* rows to draw; the caller sets it, and the two below */
  uint64_t seed, first_row;
  int32_t *labels; /* [n][class columns]; NULL: none asked for */
  float *cond;     /* [n][cond_dim]; NULL: none given */
  double *known;   /* [n][columns of the network] with its mask, for a guided sampler; NULL: none */
  float *known_mask;
  int32_t *shown;    /* [n]: the classes of the column drawn with 'each', for pictures; NULL: none */
  uint32_t n_shown;  /* how many there are */
  progress progress; /* for the caller to begin */
} drawing;

/* The columns that have an indicator behind all columns, as the model's note has them ("3 7"): at most half
   of its columns, to be freed. A wrong note is reported, and leaves nothing to free. */
bool masked_columns(const fm_model *model, const char *name, size_t **columns, size_t *n);

/* Loads the model and makes its sampler; how may be NULL. A failure is reported and leaves nothing to end. */
bool drawing_begin(drawing *d, fm_ctx *ctx, const char *model_file, const fm_solver_options *solver,
                   const fm_sampler_options *how);
/* The steps that the model takes of its own accord: those it was distilled for, one by a mean velocity; 0: as many
   as it needs. */
size_t drawing_own_steps(const drawing *d);
/* Says so if the model was distilled, which is good for its own steps alone. Returns whether it was. */
bool drawing_warn_distilled(const drawing *d, const char *what);
void drawing_end(drawing *d);
/* Makes the conditions of the n rows. label is a class, 'each' or 'any' for every class column, with commas
   between; cond numbers with commas between, or a file. Either may be NULL. d->labels may be there
   before. A failure is reported. */
bool drawing_conditions(drawing *d, const char *label, const char *cond);
/* Draws rows first .. first + n of the drawing: out [n][dim]. Returns an exit code; reports a failure. */
int drawing_rows(drawing *d, size_t first, size_t n, double *out);

/* The same rows' ways, from x [n][columns of the network] at times[0] on: states [n_times][n][columns of the
   network]; x may be states, rows [n] may be NULL. Their conditions are those of rows first .. first + n. */
fm_status drawing_carry(drawing *d, const double *times, size_t n_times, size_t first, size_t n,
                        const double *x, double *states, fm_row_stats *rows);
/* Conditions of rows `row` on, NULL where there are none. */
const int32_t *drawing_labels(const drawing *d, size_t row);
const float *drawing_cond(const drawing *d, size_t row);
/* The rows of one call: few enough to show progress and to stop soon, many enough for all threads. They come
   out the same however they are divided. */
size_t drawing_block(const drawing *d);
/* Rows of the network with their indicators, wide [n][dim + n_masked], to rows with holes, out [n][dim]. */
void drawing_apply_masks(const drawing *d, const double *wide, size_t n, double *out);
/* A column's name, or "column 3"; to be freed. */
char *drawing_column_name(const drawing *d, size_t column);

#endif
