/* curve_note.h - how the loss went, thinned to a text that a model carries as a note. */
#ifndef CLI_CURVE_NOTE_H
#define CLI_CURVE_NOTE_H

#include "cli/cli.h"

#define CURVE_KEY "loss_curve" /* of the note */
#define CURVE_POINTS 160
#define CURVE_HELD_OUT 64
#define CURVE_TEXT 4096 /* bytes, the last one's zero included: what a note holds */

typedef struct curve_note {
  uint64_t every, first; /* loss[i] is the running mean at step first + i * every */
  double loss[CURVE_POINTS];
  size_t n_loss;
  uint64_t held_out_step[CURVE_HELD_OUT];
  double held_out[CURVE_HELD_OUT]; /* the losses on held-out rows, as far as they are known */
  size_t n_held_out;
  double last_held_out; /* as it was given */
} curve_note;

/* Takes what a step says; held_out stays the same until it is measured again, 0 before. Where the points
   become too many, every second one goes. All zero is an empty curve. */
void curve_note_add(curve_note *c, uint64_t step, double mean_loss, double held_out);

/* "every 20 from 20 loss 1.7 1.6 ... held_out 81 1.5 162 1.4", and back: false if it isn't such a text. What
   was read and added to gives the text that an unbroken curve does. */
void curve_note_write(const curve_note *c, char text[CURVE_TEXT]);
bool curve_note_read(curve_note *c, const char *text);

/* The curve of a checkpoint, in a file beside it. Reading leaves out what came after the checkpoint's step;
   where there is no such file the curve begins with that step. Saving may fail: it is no reason to stop. */
void curve_note_save(const curve_note *c, const char *checkpoint);
void curve_note_load(curve_note *c, const char *checkpoint, uint64_t step);

#endif
