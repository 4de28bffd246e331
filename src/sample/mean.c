/* mean.c - a model's mean velocity, for the solver whose steps it makes. */
#include "sample/sampler.h"

fm_status fmi_mean_form_check(const fm_sampler *s, const fm_model *model, fmi_error *err) {
  if ((s->path != NULL && s->path != model->path) || s->guided)
    return fmi_fail(
        err, FM_E_UNSUPPORTED,
        "solver_options.method: mean takes the steps that were learned; %s needs velocities, expected "
        "another method",
        s->guided ? "guidance" : "another path");
  if (model->net->n_times == 2) return FM_OK;
  return fmi_fail(
      err, FM_E_UNSUPPORTED,
      "solver_options.method: mean is for models trained with FM_OBJECTIVE_MEAN_FLOW, whose net has "
      "two times; found one");
}

static fm_status mean(void *user, size_t n, const uint64_t *row, const double *t, const double *t_next,
                      const double *x, double *u, fmi_error *err) {
  const fmi_tile *w = user;
  const fm_sampler *s = w->job->sampler;
  const fm_path *path = s->model->path;
  const size_t cells = n * s->model->net->dim;
  const fmi_weights weights = fmi_sampler_weights(s);
  double *times = w->slot->t;
  for (size_t i = 0; i < n; i++) {
    times[2 * i] = fmi_path_clip(path, t[i]);
    times[2 * i + 1] = fmi_path_clip(path, t_next[i]);
  }
  const fmi_rows rows = fmi_tile_gather(w, n, row, times);
  for (size_t i = 0; i < cells; i++) w->slot->x[i] = (real)x[i];
  FMI_TRY(fmi_run_forward(s->plan, &weights, &rows, 0, n, &w->slot->work, NULL, err));
  const real *out = fmi_run_output(s->plan, 0, &w->slot->work, NULL);
  for (size_t i = 0; i < cells; i++) u[i] = out[i];
  return FM_OK;
}

fmi_mean_form fmi_mean_form_of(fmi_tile *tile) { return (fmi_mean_form){mean, tile}; }
