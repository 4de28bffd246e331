/* grid.c - fixed steps that are not of one length: the kinds, and the caller's own. */
#include "solve/grid.h"

#include <math.h>

double fmi_grid_uniform(uint32_t k, uint32_t n, double shift) {
  (void)shift;
  return (double)k / n;
}

/* t / (t + s (1 - t)): Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image
   Synthesis", ICML 2024, eq. 23, with their time turned round. s > 1 makes the steps near 0 shorter. */
double fmi_grid_shifted(uint32_t k, uint32_t n, double shift) {
  return (double)k / ((double)k + shift * (double)(n - k));
}

/* Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", NeurIPS 2022, eq. 5
   with rho = 7: n noise levels from 80 to 0.002 whose 7th roots are equally spaced, as times 1 / (1 + sigma).
   The first of them, 1/81, is left to the interval's end: 0. */
double fmi_grid_edm(uint32_t k, uint32_t n, double shift) {
  (void)shift;
  const double most = pow(80, 1.0 / 7), least = pow(0.002, 1.0 / 7);
  return 1 / (1 + pow(most + (double)k / (n - 1) * (least - most), 7));
}

fmi_grid_fn fmi_grid_by_kind(uint32_t kind) {
#define FMI_GRID(listed, name)                                                                               \
  if (kind == listed) return fmi_grid_##name;
#include "solve/grid_list.def"
#undef FMI_GRID
  return NULL;
}

/* From the ends, not by adding up steps: a time has one rounding error, not k of them. */
double fmi_grid_time(const fmi_grid *grid, double t0, double t1, uint32_t k) {
  const uint32_t n = grid->n_steps;
  if (k == 0) return t0;
  if (k == n) return t1;
  if (grid->own == NULL && grid->position == fmi_grid_uniform) return t0 + (t1 - t0) * k / n;
  const double low = fmin(t0, t1), high = fmax(t0, t1);
  const uint32_t j = t0 < t1 ? k : n - k;
  const double position = grid->own != NULL ? grid->own[j] : grid->position(j, n, grid->shift);
  return fmin(low + (high - low) * position, high);
}

fm_status fmi_grid_set(fmi_grid *grid, const double *positions, size_t n, fmi_error *err) {
  if (grid->own == NULL)
    return fmi_fail(err, FM_E_INVALID, "grid: expected solver_options.grid to be FM_GRID_CUSTOM");
  const size_t last = grid->n_steps;
  if (n != last + 1)
    return fmi_fail(err, FM_E_INVALID, "n_grid: expected solver_options.n_steps + 1 = %zu, found %zu",
                    last + 1, n);
  for (size_t k = 0; k <= last; k++) {
    if ((k == 0 && positions[k] != 0) || (k == last && positions[k] != 1))
      return fmi_fail(err, FM_E_INVALID, "grid[%zu]: expected %d, found %.17g", k, k != 0, positions[k]);
    if (k > 0 && !(positions[k] > positions[k - 1]))
      return fmi_fail(err, FM_E_INVALID, "grid[%zu]: expected more than grid[%zu] = %.17g, found %.17g", k,
                      k - 1, positions[k - 1], positions[k]);
  }
  memcpy(grid->own, positions, n * sizeof *positions);
  return FM_OK;
}

void fmi_grid_keep_in(fmi_grid *grid, double *storage) {
  grid->own = storage;
  for (uint32_t k = 0; k < grid->n_steps; k++) storage[k] = (double)k / grid->n_steps;
  storage[grid->n_steps] = 1;
}
