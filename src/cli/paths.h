/* paths.h - the states of samples on their way from the source, in two columns. */
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

#include "cli/drawing.h"

typedef struct paths {
  double *xy;        /* [n_times][d->n][2] */
  size_t columns[2]; /* which these are */
} paths;

/* Draws the d->n rows, as drawing_rows does, and keeps their states at times [n_times], 0 first and 1 last.
   columns: two of them, or NULL for the two with the largest deviations among the samples. Of a model of one
   column xy are the time and its value. Returns an exit code; reports a failure, which leaves nothing to
   free. */
int paths_draw(drawing *d, const double *times, size_t n_times, const size_t *columns, paths *out);
void paths_free(paths *p);

#endif
