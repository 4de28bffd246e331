/* unbalanced.c - the entropic plan whose sums over rows and columns are held by Kullback-Leibler terms only
   (Chizat et al. 2018). With a relaxation of infinity it would be Sinkhorn's. */
#include "couple/couple.h"

extern const fmi_coupling_kind fmi_coupling_unbalanced;

static fm_status pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  const double relaxation = c->options.relaxation > 0 ? c->options.relaxation : c->scale;
  return fmi_coupling_entropic(c, batch, fmi_coupling_regularisation(c), relaxation, err);
}

const fmi_coupling_kind fmi_coupling_unbalanced = {
    .kind = FM_COUPLING_UNBALANCED,
    .name = "unbalanced",
    .costs = true,
    .entropic = true,
    .resamples = true,
    .pair = pair,
};
