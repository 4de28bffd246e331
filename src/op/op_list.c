/* op_list.c - the table of operators, and what they share. */
#include "op/op.h"

#include "core/rng.h"

#include <math.h>

const fmi_op *const fmi_op_list[] = {
#define FMI_OP(name) &fmi_op_##name,
#include "op/op_list.def"
#undef FMI_OP
};
const size_t fmi_op_count = FMI_COUNT(fmi_op_list);

fm_status fmi_init_weights(const fmi_node *node, uint64_t seed, uint64_t stream_row, real *params,
                           fmi_error *err) {
  (void)err;
  size_t n = node->weight_out * node->weight_in;
  memset(params, 0, node->n_params * sizeof *params);
  if (node->gain == 0) return FM_OK;
  double scale = node->gain / sqrt((double)node->weight_in);
  for (size_t i = 0; i < n; i += 2) {
    /* Box-Muller in double: initial weights are the same for every instruction set. */
    double u = fmi_rng_uniform(seed, FMI_STREAM_INIT, stream_row, (uint32_t)i);
    double v = fmi_rng_uniform(seed, FMI_STREAM_INIT, stream_row, (uint32_t)i + 1);
    double r = scale * sqrt(-2 * log(u)), angle = 6.283185307179586477 * v;
    params[i] = (real)(r * cos(angle));
    if (i + 1 < n) params[i + 1] = (real)(r * sin(angle));
  }
  return FM_OK;
}
