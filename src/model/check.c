/* check.c - rows that come from outside. */
#include "model/model.h"

#include <math.h>

fm_status fmi_check_labels(const fm_net *net, const int32_t *labels, size_t n, fmi_error *err) {
  size_t columns = net->n_class_columns;
  if (labels == NULL) return FM_OK;
  for (size_t i = 0; i < n * columns; i++)
    if (labels[i] < -1 || (labels[i] >= 0 && (uint32_t)labels[i] >= net->n_classes[i % columns]))
      return fmi_fail(err, FM_E_INVALID, "labels: expected -1 to %u in row %zu, column %zu, found %d",
                      (unsigned)net->n_classes[i % columns] - 1, i / columns, i % columns, (int)labels[i]);
  return FM_OK;
}

fm_status fmi_check_finite_f32(const char *name, const float *x, size_t n, size_t dim, fmi_error *err) {
  for (size_t i = 0; i < n * dim; i++)
    if (!isfinite(x[i]))
      return fmi_fail(err, FM_E_NONFINITE, "%s: expected finite numbers, found %g in row %zu, column %zu",
                      name, (double)x[i], i / dim, i % dim);
  return FM_OK;
}

fm_status fmi_check_finite_f64(const char *name, const double *x, size_t n, size_t dim, fmi_error *err) {
  for (size_t i = 0; i < n * dim; i++)
    if (!isfinite(x[i]))
      return fmi_fail(err, FM_E_NONFINITE, "%s: expected finite numbers, found %g in row %zu, column %zu",
                      name, x[i], i / dim, i % dim);
  return FM_OK;
}

fm_status fmi_check_weights(const float *weights, size_t n, fmi_error *err) {
  FMI_TRY(fmi_check_finite_f32("weights", weights, n, 1, err));
  for (size_t i = 0; i < n; i++)
    if (weights[i] < 0)
      return fmi_fail(err, FM_E_INVALID, "weights: expected 0 or more in row %zu, found %g", i,
                      (double)weights[i]);
  return FM_OK;
}
