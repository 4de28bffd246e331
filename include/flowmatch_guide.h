/*
 * flowmatch_guide.h - draws that are steered: towards a condition, a better model, a goal, or known values
 * SPDX-License-Identifier: MIT
 *
 * A guided sampler changes the right-hand side dx/dt = u(t, x) of a model's flow, so that every solver, grid
 * and deadline goes with it. From the model's velocity u, in normalised coordinates, in this order:
 *
 *   classifier-free   u <- n + w (u - n) with the velocity n of the null condition (Ho & Salimans,
 *                     arXiv 2207.12598; w = 1 is plain, where their w is ours less 1), for w of a row's own
 *                     and between two times (Kynkaanniemi et al., NeurIPS 2024);
 *   autoguidance      the same with n of a weaker model, under the same condition (Karras et al., NeurIPS
 *                     2024);
 *   gradient          u <- u + min(sigma D / alpha, cap) J^T g with the gradient g of a log-potential at the
 *                     predicted data end x1(t, x) = (sigma u - sigma' x) / D, and J = d x1 / dx by a
 *                     vector-Jacobian product (Chung et al., "Diffusion Posterior Sampling", ICLR 2023):
 *                     draws of data times potential. Exact for a linear log-potential on Gaussian data
 *                     without a cap;
 *   known values      columns that are given: see FM_INPAINT_...
 *
 * x_t = alpha x1 + sigma x0 is the model's path, D = alpha' sigma - alpha sigma'. What needs x1 is left out
 * at times with |D| < 1e-3, where the velocity doesn't say it.
 *
 * The conventions stand in flowmatch.h.
 */
#ifndef FLOWMATCH_GUIDE_H
#define FLOWMATCH_GUIDE_H

#include "flowmatch_parts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Guidance ------------------------------------------------------------------------------------ */

/* How known values y of some columns enter a draw; m is a column's mask in [0, 1]. */
#define FM_INPAINT_REPLACE 1u /* masks are 0 or 1. Columns of mask 1 follow their conditional path alpha y +
                                 sigma x0, with x0 the row's own, and end at y exactly. The others see them
                                 on their way and nothing more: no gradient, but draws only lean towards
                                 what fits y ("replacement", Song et al., ICLR 2021) */
#define FM_INPAINT_GUIDE 2u   /* u <- u + min(D (alpha^2 + sigma^2) / (alpha sigma), cap) J^T (m (y - x1)),
                                 pseudo-inverse guidance for data of variance 1 in normalised columns (Song
                                 et al., "PiGDM", ICLR 2023; Pokle et al., arXiv 2310.04432), with soft
                                 masks as of action chunks (Black et al., "Real-Time Execution of Action
                                 Chunking Flow Policies", NeurIPS 2025, eq. 2-4). Rows end near y */
#define FM_INPAINT_BOTH 3u    /* GUIDE, and columns of mask 1 as in REPLACE: exact values, and the others
                                 are drawn to fit them */

/* Rows at which the gradient of a log-potential is asked for. It is called from the threads at work, also
   from several at once; a gradient may depend on a row's index, t and x1 alone, or "same bits" is lost. One
   that is not finite is its row's failure (FM_E_NONFINITE). */
typedef struct fm_potential_call {
  uint64_t struct_size;
  uint64_t n;
  uint64_t dim;
  const uint64_t *row; /* [n] which row of the call that draws */
  const double *t;     /* [n] */
  const double *x1;    /* [n][dim] the predicted data end, in the data's units */
  double *gradient;    /* out, [n][dim]: d log-potential / d x1, per unit of the data; preset to 0 */
} fm_potential_call;
typedef int32_t (*fm_potential_fn)(void *user, const fm_potential_call *call);

/* What steers a sampler. The defaults change nothing, but a model of mean velocities is then drawn from by
   its velocity (Dormand-Prince; FM_SOLVER_MEAN is FM_E_UNSUPPORTED). */
typedef struct fm_guidance_options {
  uint64_t struct_size;
  double weight;          /* w, of all rows that bring none of their own; 0: 1, plain */
  double first, last;     /* w is 1 at times before `first` and after `last`, 0 to 1 each; last 0: 1 */
  double potential_scale; /* the potential's power: its gradient times this; 0: 1 */
  double cap;             /* of the two factors with D above, which are infinite at the ends; 0: 5, as Black
                             et al.; negative: none, and times are kept 1e-3 from the ends */
  uint64_t inpainting;    /* FM_INPAINT_...; 0: FM_INPAINT_REPLACE */
  const fm_model *weaker; /* autoguidance, by its averaged weights. NULL: the null condition */
  fm_potential_fn potential; /* NULL: none */
  void *potential_user;      /* given to it */
  FM_TAIL_32
} fm_guidance_options;

/* fm_sampler_create with guidance; solver, options, guidance NULL: the defaults. fm_sampler_draw and
   transports are guided too, by `weight`, the potential and no known values; stochastic draws take the score
   of the guided velocity. The weaker model may have another net of the same columns, classes and condition,
   and another prediction, and needs the same path, kind of prior and normalisers: FM_E_MISMATCH names what
   differs. A weight other than 1 needs a model with a condition, or `weaker`: FM_E_INVALID. FM_E_UNSUPPORTED:
   options.divergence, since guided draws have no log-density; on paths with gamma != 0 a potential, and
   inpainting. `potential_user` must stay valid while the sampler lives. fm_sampler_velocity is the model's
   own. */
FM_API fm_status fm_sampler_create_guided(fm_ctx *ctx, const fm_model *model, const fm_solver_options *solver,
                                          const fm_sampler_options *options,
                                          const fm_guidance_options *guidance, fm_sampler **out);

/* fm_sampler_draw with what rows bring: weights [n] or NULL, any finite w (0: unconditional); known [n][dim]
   or NULL, in the data's units, looked at where mask > 0; mask [n][dim] in [0, 1] or NULL: 1 where known is
   not NaN. stats, rows [n] or NULL. A second evaluation is paid for only while some row's w is not 1; what a
   row is doesn't depend on the others. FM_E_INVALID for a sampler that isn't guided. Allocates nothing. */
FM_API fm_status fm_sampler_draw_guided(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed, uint64_t first_row,
                                        const int32_t *labels, const float *cond, const double *weights,
                                        const float *known, const float *mask, size_t n, float *out,
                                        fm_solve_stats *stats, fm_row_stats *rows);
FM_API fm_status fm_sampler_draw_guided_f64(fm_ctx *ctx, fm_sampler *sampler, uint64_t seed,
                                            uint64_t first_row, const int32_t *labels, const float *cond,
                                            const double *weights, const double *known, const float *mask,
                                            size_t n, double *out, fm_solve_stats *stats,
                                            fm_row_stats *rows);

/* ---- Action chunks ------------------------------------------------------------------------------- */

/* The mask with which a new chunk of actions goes on from the one that is under way, for FM_INPAINT_GUIDE or
   FM_INPAINT_BOTH (Black et al., NeurIPS 2025, eq. 5): out [length][channels]. Steps before `frozen` will
   have been executed when the chunk is ready: 1. From `frozen` on up to `overlap`, as far as the old chunk
   reaches, c (e^c - 1) / (e - 1) with c = (overlap - i) / (overlap - frozen + 1); 0 behind. frozen <= overlap
   <= length. known is the old chunk, moved to begin with the new one. */
FM_API fm_status fm_prefix_mask(fm_ctx *ctx, size_t length, size_t channels, size_t frozen, size_t overlap,
                                float *out);

/* ---- Setting up structs -------------------------------------------------------------------------- */

FM_DEFINE_INIT_(fm_guidance_options)

#ifdef __cplusplus
}
#endif
#endif
