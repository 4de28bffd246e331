/* c2st.c - the classifier two-sample test (Lopez-Paz & Oquab, "Revisiting classifier two-sample tests",
   ICLR 2017): a network is trained on half of the rows; how well it tells the others apart is the
   statistic. Both sets bring equally many rows, so that chance is one half. */
#include "eval/classifier.h"

#include "core/rng.h"

/* Which rows take part: those of the first half train, the others are held out. */
typedef struct halves {
  const fmi_two *two;
  size_t n, n_train; /* of each set */
} halves;

static const double *row_of(const halves *h, bool first_set, size_t i) {
  const fmi_two *two = h->two;
  const size_t n = first_set ? two->n : two->m;
  const uint64_t order = UINT64_MAX - 1 - first_set; /* draws of the floor have small numbers */
  const size_t j = (size_t)fmi_rng_shuffled(two->options->seed ^ FMI_EVAL_SEED, order, n, i);
  return (first_set ? two->x : two->y) + j * two->dim;
}

static fm_status find_columns(const halves *h, fmi_classifier *c, fmi_error *err) {
  for (size_t i = 0; i < 2 * h->n_train; i++) fmi_statistics_add(&c->columns, row_of(h, i & 1, i / 2));
  return fmi_statistics_finish(&c->columns, FM_NORMALISE_COLUMNS, err);
}

static fm_status train(const halves *h, fmi_classifier *c, fmi_error *err) {
  const fm_eval_options *o = h->two->options;
  for (uint64_t step = 1; step <= o->classifier_steps; step++) {
    if (fmi_runtime_stopped(h->two->rt))
      return fmi_fail(err, FM_STOPPED, "stopped in step %llu of the classifier", (unsigned long long)step);
    for (uint32_t i = 0; i < FMI_CLASSIFIER_BATCH; i++) {
      const uint64_t j = fmi_rng_below(o->seed, FMI_STREAM_CLASSIFIER, step, i, h->n_train);
      fmi_classifier_put(c, i, row_of(h, i & 1, (size_t)j), i & 1);
    }
    FMI_TRY(fmi_classifier_step(c, step, err));
  }
  return FM_OK;
}

/* The share of held-out rows that are told right. */
static fm_status test(const halves *h, fmi_classifier *c, double *share, fmi_error *err) {
  const size_t n_test = 2 * (h->n - h->n_train);
  double right = 0;
  for (size_t first = 0; first < n_test; first += FMI_CLASSIFIER_BATCH) {
    const size_t n = fmi_min(FMI_CLASSIFIER_BATCH, n_test - first);
    double now;
    for (size_t i = 0; i < n; i++) {
      const size_t row = first + i;
      fmi_classifier_put(c, i, row_of(h, row & 1, h->n_train + row / 2), row & 1);
    }
    FMI_TRY(fmi_classifier_count(c, n, &now, err));
    right += now;
  }
  *share = right / (double)n_test;
  return FM_OK;
}

static fm_status measure(const fmi_two *two, double *value, fmi_error *err) {
  const size_t n = fmi_min(two->n, two->m);
  const halves h = {two, n, n / 2};
  fmi_classifier c;
  FMI_TRY(fmi_classifier_begin(two, &c, err));
  fm_status status = find_columns(&h, &c, err);
  if (status == FM_OK) status = train(&h, &c, err);
  if (status == FM_OK) status = test(&h, &c, value, err);
  fmi_classifier_end(&c);
  return status;
}

const fmi_metric fmi_metric_c2st = {.kind = FM_METRIC_C2ST, .name = "C2ST", .least = 4, .measure = measure};
