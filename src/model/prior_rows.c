/* prior_rows.c - rows of another data set, uniformly with replacement. */
#include "model/prior.h"

#include "core/rng.h"

extern const fmi_prior_kind fmi_prior_rows;

static fm_status draw(const fm_prior *prior, const fmi_prior_call *c, fmi_error *err) {
  (void)err;
  for (size_t i = 0; i < c->n; i++) {
    uint64_t row = fmi_rng_below(c->seed, FMI_STREAM_ROWS, c->first_row + i, 0, prior->n);
    memcpy(c->x + i * c->dim, prior->arrays[0] + row * c->dim, c->dim * sizeof *c->x);
  }
  return FM_OK;
}

const fmi_prior_kind fmi_prior_rows = {
    .kind = FM_PRIOR_ROWS,
    .name = "rows",
    .arrays = {{"rows", FMI_ENTRIES_COLUMNS}},
    .draw = draw,
};
