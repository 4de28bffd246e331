/* classifier.h - a network that tells rows of one set from those of another. */
#ifndef FMI_CLASSIFIER_H
#define FMI_CLASSIFIER_H

#include "eval/eval.h"
#include "train/optimizer.h"

#define FMI_CLASSIFIER_BATCH 128u

typedef struct fmi_classifier {
  const fmi_runtime *rt;
  fm_net *net; /* its first column is the logit of the first set, the others are not used */
  fmi_plan *plan;
  fm_optimizer *optimizer;
  void *block; /* everything below */
  real *params, *packed, *grad, *state, *batch_block;
  real *x;      /* [batch][dim], normalised */
  double *t;    /* [batch], 0 */
  real *labels; /* [batch]: 1 for the first set */
  fmi_workspace work;
  fmi_statistics columns; /* of the training rows: mean, and m2 the deviation */
} fmi_classifier;

fm_status fmi_classifier_begin(const fmi_two *two, fmi_classifier *c, fmi_error *err);
void fmi_classifier_end(fmi_classifier *c);
/* Row i of the batch is a row of the data's units. */
void fmi_classifier_put(fmi_classifier *c, size_t i, const double *row, bool first_set);
/* One step on a whole batch, counted from 1: logistic loss. */
fm_status fmi_classifier_step(fmi_classifier *c, uint64_t step, fmi_error *err);
/* How many of the batch's first n rows are told right; one in the middle is half right. */
fm_status fmi_classifier_count(fmi_classifier *c, size_t n, double *right, fmi_error *err);
#endif
