/* reflow.c - the public function on reflow and distillation. */
#include "api/api.h"
#include "reflow/reflow.h"

#include <math.h>

#define MOST_COUNT 1000000u

/* With defaults filled in; "none" is 0. */
static fm_status read_options(fm_ctx *ctx, fm_reflow_options *o) {
  REQUIRE(o->rounds <= FM_REFLOW_MOST_ROUNDS,
          "reflow_options.rounds: expected at most %u, 0 or negative, found %lld", FM_REFLOW_MOST_ROUNDS,
          (long long)o->rounds);
  REQUIRE(o->distill_steps <= 1000, "reflow_options.distill_steps: expected at most 1000, found %llu",
          (unsigned long long)o->distill_steps);
  REQUIRE(o->rounds >= 0 || o->distill_steps > 0,
          "reflow_options.rounds: expected rounds or distill_steps, found neither");
  REQUIRE(o->from_scratch <= 1, "reflow_options.from_scratch: expected 0 or 1, found %llu",
          (unsigned long long)o->from_scratch);
  REQUIRE(o->pairs <= UINT32_MAX / 2 + 1, "reflow_options.pairs: expected at most 2^31, found %llu",
          (unsigned long long)o->pairs);
  REQUIRE(o->renewal <= 1, "reflow_options.renewal: expected at most 1, found %g", o->renewal);
  REQUIRE(o->straightness_rows <= MOST_COUNT,
          "reflow_options.straightness_rows: expected at most 10^6, found %llu",
          (unsigned long long)o->straightness_rows);
  REQUIRE(o->straightness_steps <= MOST_COUNT,
          "reflow_options.straightness_steps: expected at most 10^6, found %llu",
          (unsigned long long)o->straightness_steps);
  o->rounds = o->rounds < 0 ? 0 : o->rounds == 0 ? 1 : o->rounds;
  if (o->pairs == 0) o->pairs = 50000;
  o->renewal = o->renewal < 0 ? 0 : o->renewal == 0 ? 0.1 : o->renewal;
  if (o->straightness_rows == 0) o->straightness_rows = 512;
  if (o->straightness_steps == 0) o->straightness_steps = 100;
  return FM_OK;
}

static fm_status check_training(fm_ctx *ctx, const fm_trainer_options *o) {
  REQUIRE(o->label_dropout <= 1, "trainer_options.label_dropout: expected at most 1, found %g",
          o->label_dropout);
  if (o->coupling > FM_COUPLING_INDEPENDENT)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "trainer_options.coupling: a reflow has pairs already, expected none, found %u",
                    (unsigned)o->coupling);
  return FM_OK;
}

static fm_status check_model(fm_ctx *ctx, const fm_model *model, const fm_reflow_options *o) {
  if (model->net->n_times != 1)
    return fmi_fail(
        &ctx->err, FM_E_UNSUPPORTED,
        "model: its net has two times and its mean velocity takes one step already; expected a model of "
        "a velocity");
  if (o->distill_steps > 0 && model->prediction.kind == FM_X0)
    return fmi_fail(
        &ctx->err, FM_E_UNSUPPORTED,
        "reflow_options.distill_steps: at t = 0 the noise says nothing of the data; expected a model that "
        "predicts a velocity or x1");
  if (model->prediction.kind != FM_SCORE) return FM_OK;
  return fmi_fail(
      &ctx->err, FM_E_UNSUPPORTED,
      "model: a score needs independent pairs, and those of a reflow aren't; expected one that predicts "
      "something else");
}

static fm_status check_data(fm_ctx *ctx, const fm_net *net, const fm_data *data) {
  REQUIRE(data != NULL || net->n_class_columns + net->cond_dim == 0,
          "data: expected rows with the conditions that the model has, found NULL");
  return data != NULL ? fmi_check_data(net, "data", data, &ctx->err) : FM_OK;
}

fm_status fm_reflow(fm_ctx *ctx, const fm_model *model, const fm_data *data, const fm_optimizer *optimizer,
                    const fm_solver_options *solver, const fm_reflow_options *options,
                    const fm_trainer_options *trainer_options, fm_model **out, fm_reflow_stats *stats) {
  REQUIRE_OUT();
  REQUIRE_POINTER(model);
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  READ_OPTIONS(fm_solver_options, so, solver);
  READ_OPTIONS(fm_reflow_options, o, options);
  READ_OPTIONS(fm_trainer_options, to, trainer_options);
  FMI_TRY(read_options(ctx, &o));
  FMI_TRY(check_training(ctx, &to));
  FMI_TRY(check_model(ctx, model, &o));
  FMI_TRY(check_data(ctx, model->net, data));
  const fmi_reflow_job job = {model, data, optimizer, so, o, to};
  fm_reflow_stats total = {.struct_size = sizeof total};
  fm_model *made = NULL;
  fm_status status = fmi_reflow(&ctx->runtime, &job, &made, &total, &ctx->err);
  const bool ended = status == FM_OK || status == FM_STOPPED || status == FM_E_CALLBACK;
  if (stats && ended && fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats) != FM_OK) {
    fmi_release(made);
    return ctx->err.status;
  }
  *out = made;
  return status;
}
