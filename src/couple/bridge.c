/* bridge.c - the static Schroedinger bridge between source and data for Brownian motion of variance s^2 t: the
   entropic plan with the kernel exp(-||x1 - x0||^2 / (2 s^2)). With the Brownian bridge of width s between the
   pairs it is SB-CFM (Tong et al., arXiv 2302.00482, section 3.2.4). */
#include "couple/couple.h"

#include <math.h>

extern const fmi_coupling_kind fmi_coupling_bridge;

static fm_status pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  const double s = c->options.bridge_width;
  return fmi_coupling_entropic(c, batch, 2 * s * s, (double)INFINITY, err);
}

const fmi_coupling_kind fmi_coupling_bridge = {
    .kind = FM_COUPLING_BRIDGE,
    .name = "bridge",
    .costs = true,
    .entropic = true,
    .pair = pair,
};
