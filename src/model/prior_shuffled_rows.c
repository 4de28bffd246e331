/* prior_shuffled_rows.c - rows of another data set without replacement: of every n rows drawn in sequence
   each comes once, in an order of its own for every such epoch. The permutation is computed, not kept. */
#include "model/prior.h"

#include "core/rng.h"

extern const fmi_prior_kind fmi_prior_shuffled_rows;

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)err;
  for (size_t i = 0; i < c->n; i++) {
    const uint64_t at = c->first_row + i;
    const uint64_t row = fmi_rng_shuffled(c->seed, at / prior->n, prior->n, at % prior->n);
    memcpy(c->x + i * c->dim, prior->arrays[0] + row * c->dim, c->dim * sizeof *c->x);
  }
  return FM_OK;
}

const fmi_prior_kind fmi_prior_shuffled_rows = {
    .kind = FM_PRIOR_SHUFFLED_ROWS,
    .name = "shuffled-rows",
    .arrays = {{"rows", FMI_ENTRIES_COLUMNS}},
    .draw = draw,
};
