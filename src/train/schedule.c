/* schedule.c - how the learning rate falls after its warm-up: one block each. `along` goes from 0 at the end
   of the warm-up to 1 at the schedule's last step; the result is the rate's share. */
#include "train/optimizer.h"

#include <math.h>

/* Half a cosine (Loshchilov & Hutter 2017, without restarts). */
static double cosine(double along, double final) {
  return final + (1 - final) * 0.5 * (1 + cos(3.14159265358979323846 * along));
}
const fmi_decay fmi_decay_cosine = {.kind = FM_SCHEDULE_COSINE, .share = cosine};

static double constant(double along, double final) {
  (void)along, (void) final;
  return 1;
}
const fmi_decay fmi_decay_constant = {.kind = FM_SCHEDULE_CONSTANT, .share = constant};

static double linear(double along, double final) { return final + (1 - final) * (1 - along); }
const fmi_decay fmi_decay_linear = {.kind = FM_SCHEDULE_LINEAR, .share = linear};

/* Constant but for what evaluations make of it: fmi_plateau_judge. */
const fmi_decay fmi_decay_plateau = {
    .kind = FM_SCHEDULE_PLATEAU, .share = constant, .by_held_out_loss = true};
