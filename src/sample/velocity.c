/* velocity.c - the right-hand side of a sampler's solve: the velocity of a tile's rows from what the network
   gives. */
#include "sample/sampler.h"

/* The velocity v [n][dim] by a plan of the model's net at states x [n][dim]. What rows see besides, and their
   times, is in `rows`. */
static fm_status evaluate(const fmi_tile *w, const fmi_weights *weights, fmi_rows *rows, size_t n,
                          const double *x, double *v, fmi_error *err) {
  const fm_sampler *s = w->job->sampler;
  const size_t cells = n * s->model->net->dim;
  for (size_t i = 0; i < cells; i++) w->slot->x[i] = (real)x[i];
  FMI_TRY(fmi_run_forward(s->plan, weights, rows, 0, n, &w->slot->work, NULL, err));
  const real *out = fmi_run_output(s->plan, 0, &w->slot->work, NULL);
  for (size_t i = 0; i < cells; i++) v[i] = out[i];
  return FM_OK;
}

fm_status fmi_tile_velocity(void *user, size_t n, const uint64_t *row, const double *t, const double *x,
                            double *dxdt, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  if (s->guided) return fmi_guide_velocity(w, n, row, t, x, dxdt, err);
  fmi_rows rows = fmi_tile_gather(w, n, row, fmi_sampler_times(s, t, n, w->slot->t));
  const fmi_weights weights = fmi_sampler_weights(s);
  return evaluate(w, &weights, &rows, n, x, dxdt, err);
}
