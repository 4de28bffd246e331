/* guide.c - public functions on guided samplers and action chunks. */
#include "api/api.h"
#include "sample/sampler.h"

#include <math.h>

/* With defaults filled in. */
static fm_status check_guidance(fm_ctx *ctx, const fm_model *model, fm_guidance_options *o) {
  if (o->last == 0) o->last = 1;
  if (o->weight == 0) o->weight = 1;
  if (o->potential_scale == 0) o->potential_scale = 1;
  if (o->cap == 0) o->cap = 5;
  REQUIRE(isfinite(o->weight), "guidance_options.weight: expected a finite number, found %g", o->weight);
  REQUIRE(o->first >= 0 && o->first <= 1, "guidance_options.first: expected 0 to 1, found %g", o->first);
  REQUIRE(o->last >= o->first && o->last <= 1,
          "guidance_options.last: expected %g, which is first, to 1, found %g", o->first, o->last);
  REQUIRE(isfinite(o->potential_scale),
          "guidance_options.potential_scale: expected a finite number, found %g", o->potential_scale);
  REQUIRE(o->cap == o->cap, "guidance_options.cap: expected a number, found %g", o->cap);
  if (o->inpainting > FM_INPAINT_BOTH)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "guidance_options.inpainting: expected one of FM_INPAINT_..., found %llu",
                    (unsigned long long)o->inpainting);
  if (o->inpainting == 0) o->inpainting = FM_INPAINT_REPLACE;
  const bool conditional = model->net->n_class_columns > 0 || model->net->cond_dim > 0;
  REQUIRE(o->weight == 1 || o->weaker != NULL || conditional,
          "guidance_options.weight: expected 1 for a model without a condition to leave out, and without a "
          "weaker one, found %g",
          o->weight);
  return FM_OK;
}

fm_status fm_sampler_create_guided(fm_ctx *ctx, const fm_model *model, const fm_solver_options *solver,
                                   const fm_sampler_options *options, const fm_guidance_options *guidance,
                                   fm_sampler **out) {
  REQUIRE_OUT();
  REQUIRE_POINTER(model);
  fmi_solve_config config;
  fm_sampler_options o;
  FMI_TRY(fmi_sampler_read_options(ctx, model, solver, options, true, &config, &o));
  READ_OPTIONS(fm_guidance_options, g, guidance);
  FMI_TRY(check_guidance(ctx, model, &g));
  if (o.divergence != 0)
    return fmi_fail(&ctx->err, FM_E_UNSUPPORTED,
                    "sampler_options.divergence: expected none, guided draws have no log-density");
  RETURN_HANDLE(fmi_sampler_new(&ctx->runtime, model, &config, &o, &g, &ctx->err));
}

/* ---- draws ----------------------------------------------------------------------------------------------- */

static fm_status check_weights(fm_ctx *ctx, const fm_sampler *s, const double *weights, size_t n) {
  if (weights == NULL) return FM_OK;
  REQUIRE(fmi_guide_has_second(s),
          "weights: expected NULL for a model without a condition to leave out, and without a weaker one");
  return fmi_check_finite_f64("weights", weights, n, 1, &ctx->err);
}

static fm_status check_known(fm_ctx *ctx, const fm_sampler *s, const fmi_known *k, size_t n) {
  const size_t dim = s->model->net->dim;
  const bool hard = s->guide.options.inpainting == FM_INPAINT_REPLACE;
  if (!fmi_known_given(k)) {
    REQUIRE(k->mask == NULL, "known: expected values where there is a mask, found NULL");
    return FM_OK;
  }
  FMI_TRY(fmi_x1_form_check(fmi_sampler_path(s), &ctx->err));
  for (size_t i = 0; i < n * dim; i++) {
    const double m = fmi_known_mask(k, i), y = k->f64 != NULL ? k->f64[i] : (double)k->f32[i];
    REQUIRE(m >= 0 && m <= 1 && (!hard || m == 0 || m == 1),
            "mask: expected %s, found %g in row %zu, column %zu",
            hard ? "0 or 1 with FM_INPAINT_REPLACE" : "0 to 1", m, i / dim, i % dim);
    if (m > 0 && !isfinite(y))
      return fmi_fail(&ctx->err, FM_E_NONFINITE,
                      "known: expected finite numbers where mask > 0, found %g in row "
                      "%zu, column %zu",
                      y, i / dim, i % dim);
  }
  return FM_OK;
}

static fm_status draw(fm_ctx *ctx, fm_sampler *s, uint64_t seed, uint64_t first_row, const int32_t *labels,
                      const float *cond, const fmi_known *known, size_t n, float *out_f32, double *out_f64,
                      fm_solve_stats *stats, fm_row_stats *rows) {
  REQUIRE(s->guided, "sampler: expected one made by fm_sampler_create_guided");
  if (stats) FMI_TRY(fmi_struct_check(&ctx->err, "stats", stats, sizeof *stats));
  FMI_TRY(fmi_sampler_check_conditions(ctx, s->model->net, labels, cond, n));
  FMI_TRY(check_weights(ctx, s, known->weights, n));
  FMI_TRY(check_known(ctx, s, known, n));
  fmi_transport job = {.sampler = s,
                       .rt = &ctx->runtime,
                       .t0 = 0,
                       .t1 = 1,
                       .draw = true,
                       .seed = seed,
                       .first_row = first_row,
                       .labels = labels,
                       .cond = cond,
                       .n = n,
                       .known = *known,
                       .out_f32 = out_f32,
                       .out_f64 = out_f64,
                       .rows = rows};
  fm_solve_stats total = {.struct_size = sizeof total};
  const fm_status status = fmi_transport_run(&job, &total, &ctx->err);
  if (stats) FMI_TRY(fmi_struct_write(&ctx->err, "stats", &total, sizeof total, stats));
  return status;
}

fm_status fm_sampler_draw_guided(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                                 const int32_t *labels, const float *cond, const double *weights,
                                 const float *known, const float *mask, size_t n, float *out,
                                 fm_solve_stats *stats, fm_row_stats *rows) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(out, n);
  const fmi_known k = {.weights = weights, .f32 = known, .mask = mask};
  return draw(ctx, sampler, seed, first_row, labels, cond, &k, n, out, NULL, stats, rows);
}

fm_status fm_sampler_draw_guided_f64(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                                     const int32_t *labels, const float *cond, const double *weights,
                                     const double *known, const float *mask, size_t n, double *out,
                                     fm_solve_stats *stats, fm_row_stats *rows) {
  REQUIRE_CTX();
  REQUIRE_POINTER(sampler);
  REQUIRE_ARRAY(out, n);
  const fmi_known k = {.weights = weights, .f64 = known, .mask = mask};
  return draw(ctx, sampler, seed, first_row, labels, cond, &k, n, NULL, out, stats, rows);
}

/* ---- action chunks ----------------------------------------------------------------------------------------- */

fm_status fm_prefix_mask(fm_ctx *ctx, size_t length, size_t channels, size_t frozen, size_t overlap,
                         float *out) {
  REQUIRE_CTX();
  REQUIRE(overlap <= length, "overlap: expected at most %zu, the chunk's length, found %zu", length, overlap);
  REQUIRE(frozen <= overlap, "frozen: expected at most %zu, the overlap, found %zu", overlap, frozen);
  REQUIRE(fmi_mul_size(length, fmi_mul_size(channels, sizeof *out)) <= PTRDIFF_MAX,
          "length: expected length * channels to fit memory, found %zu steps of %zu", length, channels);
  REQUIRE_ARRAY(out, length * channels);
  fmi_prefix_mask(length, channels, frozen, overlap, out);
  return FM_OK;
}
