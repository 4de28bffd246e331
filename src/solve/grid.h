/* grid.h - where the fixed steps between two times begin and end. */
#ifndef FMI_GRID_H
#define FMI_GRID_H

#include "core/core.h"

/* The position in [0, 1] of time k of n steps, 0 < k < n, strictly increasing in k. Both ends are fixed:
   position 0 is the interval's lower end and position 1 its upper one. */
typedef double (*fmi_grid_fn)(uint32_t k, uint32_t n, double shift);

#define FMI_GRID(kind, name) double fmi_grid_##name(uint32_t k, uint32_t n, double shift);
#include "solve/grid_list.def"
#undef FMI_GRID

typedef struct fmi_grid {
  fmi_grid_fn position;
  double shift;
  uint32_t n_steps;
  double *own; /* [n_steps + 1] positions of the caller's own grid, instead of `position`; else NULL */
} fmi_grid;

fmi_grid_fn fmi_grid_by_kind(uint32_t kind); /* NULL: unknown */
/* The time at which step k, 0 <= k <= n_steps, from t0 to t1 begins. A reverse solve (t1 < t0) goes through
   the times of the forward one. */
double fmi_grid_time(const fmi_grid *grid, double t0, double t1, uint32_t k);
/* A grid is n_steps + 1 positions that rise from 0 to 1. */
fm_status fmi_grid_set(fmi_grid *grid, const double *positions, size_t n, fmi_error *err);
/* Uses `storage` [n_steps + 1] for the caller's own grid, and makes it the uniform one. */
void fmi_grid_keep_in(fmi_grid *grid, double *storage);
#endif
