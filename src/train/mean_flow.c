/* mean_flow.c - training of a network's mean velocity over [t, r] (MeanFlow; Geng et al., "Mean Flows for
   One-step Generative Modeling", arXiv 2505.13447). With t = 0 at the source,

       (r - t) u(z_t, t, r) = int_t^r v(z_s, s) ds,   so that   z_r = z_t + (r - t) u(z_t, t, r)

   is a step of any length, and by d/dt along the flow (their identity, time turned round)

       u = v + (r - t) d/dt u(z_t, t, r),   d/dt u = J (v, 1, 0) in (z, t, r).

   The conditional velocity stands for v; the right-hand side, by the network as it is and without a gradient,
   is the target of every row with r > t. Rows with r = t have the target of flow matching. */
#include "train/mean_flow.h"
#include "train/trainer.h"

#include <math.h>

/* ---- options --------------------------------------------------------------------------------------- */

static fm_status read_number(const char *field, double fallback, double least, double most, double *value,
                             fmi_error *err) {
  if (*value == 0) *value = fallback;
  if (*value >= least && *value <= most) return FM_OK;
  return fmi_fail(err, FM_E_INVALID, "trainer_options.%s: expected %g to %g, found %g", field, least, most,
                  *value);
}

static fm_status check_parts(const fmi_parts *parts, bool mean, double share, fmi_error *err) {
  const size_t times = mean ? 2 : 1;
  fm_path_coefficients c;
  if (parts->net->n_times != times)
    return fmi_fail(
        err, FM_E_MISMATCH,
        "trainer_options.objective: expected a net with net_options.n_times = %zu for %s, found %zu", times,
        mean ? "mean flow" : "flow matching", parts->net->n_times);
  if (!mean || share == 0) return FM_OK; /* what is left is flow matching */
  FMI_TRY(fmi_path_at(parts->path, 0.5, &c, err));
  if (c.gamma == 0 && c.d_gamma == 0) return FM_OK;
  return fmi_fail(err, FM_E_UNSUPPORTED,
                  "trainer_options.objective: mean flow needs a path with gamma = 0, found %g at t = 0.5",
                  c.gamma);
}

fm_status fmi_mean_flow_options(fm_trainer_options *o, const fmi_parts *parts, fmi_error *err) {
  const bool mean = o->objective == FM_OBJECTIVE_MEAN_FLOW;
  if (!mean && o->objective != FM_OBJECTIVE_FLOW)
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "trainer_options.objective: expected a FM_OBJECTIVE_ constant, found %llu",
                    (unsigned long long)o->objective);
  if (o->mean_share < 0)
    o->mean_share = 0;
  else
    FMI_TRY(read_number("mean_share", 0.25, 0, 1, &o->mean_share, err));
  FMI_TRY(read_number("mean_weight_power", 0, 0, 8, &o->mean_weight_power, err));
  FMI_TRY(read_number("mean_weight_offset", 1e-3, 1e-9, 1e9, &o->mean_weight_offset, err));
  return check_parts(parts, mean, o->mean_share, err);
}

/* ---- workspace ------------------------------------------------------------------------------------- */

/* The plan of the tangents reads the weights that are packed for the steps. */
fm_status fmi_mean_flow_plan(fm_trainer *t, const fmi_runtime *rt, fmi_error *err) {
  const fm_net *net = t->parts.net;
  if (t->options.objective != FM_OBJECTIVE_MEAN_FLOW || t->options.mean_share == 0) return FM_OK;
  t->tangent_plan =
      fmi_plan_new(rt->memory, net, rt->kernels, FMI_WANT_TANGENT, FMI_TILE, 0, rt->use_blas, err);
  if (t->tangent_plan == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < net->n_nodes; i++) t->tangent_plan->nodes[i].packed = t->plan->nodes[i].packed;
  return FM_OK;
}

void fmi_mean_flow_carve(const fm_trainer *t, fmi_arena *a, fmi_mean_flow_slot *slot) {
  const fm_net *net = t->parts.net;
  const size_t cells = fmi_mul_size(FMI_TILE, net->dim);
  if (t->tangent_plan == NULL) return;
  slot->work = fmi_workspace_take(a, t->tangent_plan);
  slot->row = fmi_arena_take(a, FMI_TILE, sizeof *slot->row);
  slot->x = fmi_arena_take(a, cells, sizeof(real));
  slot->dx = fmi_arena_take(a, cells, sizeof(real));
  slot->cond = fmi_arena_take(a, fmi_mul_size(FMI_TILE, net->cond_dim), sizeof(real));
  slot->labels = fmi_arena_take(a, fmi_mul_size(FMI_TILE, net->n_class_columns), sizeof(int32_t));
  slot->t = fmi_arena_take(a, 2 * FMI_TILE, sizeof(double));
  slot->dt = fmi_arena_take(a, 2 * FMI_TILE, sizeof(double));
}

/* ---- targets --------------------------------------------------------------------------------------- */

/* The rows of a tile that have r > t, close together: most rows need no tangent. */
static size_t gather(const fm_trainer *t, const fmi_mean_flow_slot *to, size_t first, size_t n) {
  const fm_net *net = t->parts.net;
  const size_t dim = net->dim, k = net->n_class_columns, c = net->cond_dim;
  size_t found = 0;
  for (size_t row = first; row < first + n; row++) {
    const double *times = t->times + 2 * row;
    if (times[0] == times[1]) continue;
    to->row[found] = row;
    memcpy(to->x + found * dim, t->xt + row * dim, dim * sizeof(real));
    memcpy(to->dx + found * dim, t->ut + row * dim, dim * sizeof(real));
    if (k) memcpy(to->labels + found * k, t->rows.labels + row * k, k * sizeof(int32_t));
    if (c) memcpy(to->cond + found * c, t->cond + row * c, c * sizeof(real));
    for (size_t j = 0; j < 2; j++) {
      to->t[2 * found + j] = times[j];
      to->dt[2 * found + j] = j == 0 ? 1 : 0;
    }
    found++;
  }
  return found;
}

void fmi_mean_flow_times(const fm_trainer *t, size_t first, size_t n) {
  for (size_t row = first; row < first + n && t->times != t->t; row++) {
    t->times[2 * row] = t->t[row];
    t->times[2 * row + 1] = t->ends ? t->ends[row] : t->t[row];
  }
}

/* Dropout is for what learns: the target is that of the whole network. */
fm_status fmi_mean_flow_targets(const fm_trainer *t, const fmi_weights *weights, fmi_mean_flow_slot *slot,
                                size_t first, size_t n, fmi_error *err) {
  const fm_net *net = t->parts.net;
  const size_t dim = net->dim;
  if (t->tangent_plan == NULL) return FM_OK;
  const size_t found = gather(t, slot, first, n);
  if (found == 0) return FM_OK;
  const fmi_rows rows = {.x = slot->x,
                         .t = slot->t,
                         .labels = net->n_class_columns ? slot->labels : NULL,
                         .cond = net->cond_dim ? slot->cond : NULL,
                         .dx = slot->dx,
                         .dt = slot->dt,
                         .dim = dim,
                         .n_class_columns = net->n_class_columns,
                         .cond_dim = net->cond_dim};
  FMI_TRY(fmi_run_forward(t->tangent_plan, weights, &rows, 0, found, &slot->work, NULL, err));
  const real *rate = fmi_run_tangent(t->tangent_plan, &slot->work);
  for (size_t i = 0; i < found; i++) {
    real *target = t->ut + slot->row[i] * dim;
    const double span = slot->t[2 * i + 1] - slot->t[2 * i];
    for (size_t j = 0; j < dim; j++) target[j] = (real)((double)target[j] + span * (double)rate[i * dim + j]);
  }
  return FM_OK;
}

void fmi_mean_flow_weigh(const fm_trainer *t, double loss, real *d) {
  const size_t dim = t->parts.net->dim;
  const double power = t->options.mean_weight_power;
  if (t->options.objective != FM_OBJECTIVE_MEAN_FLOW || power == 0) return;
  const double weight = pow(loss + t->options.mean_weight_offset, -power);
  for (size_t j = 0; j < dim; j++) d[j] = (real)((double)d[j] * weight);
}
