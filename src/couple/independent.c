/* independent.c - rows as they come: the coupling of Lipman et al., ICLR 2023. */
#include "couple/couple.h"

extern const fmi_coupling_kind fmi_coupling_independent;

static fm_status pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  (void)err;
  double sum = 0;
  for (size_t i = 0; i < batch->n; i++) {
    c->x0_index[i] = c->x1_index[i] = i;
    for (size_t k = 0; k < c->dim; k++) {
      const double apart = batch->x0[i * c->dim + k] - batch->x1[i * c->dim + k];
      sum += apart * apart;
    }
  }
  c->stats.cost = sum / (double)batch->n;
  return FM_OK;
}

const fmi_coupling_kind fmi_coupling_independent = {
    .kind = FM_COUPLING_INDEPENDENT,
    .name = "independent",
    .pair = pair,
};
