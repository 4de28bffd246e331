/* guidance.h - the words of a command line that steer draws, and a drawing's guided sampler made of them. */
#ifndef CLI_GUIDANCE_H
#define CLI_GUIDANCE_H

#include "cli/args.h"
#include "cli/drawing.h"

#include <stddef.h>

typedef struct guidance_words {
  double weight; /* 0: not given */
  const char *interval, *weaker, *known, *mask;
  uint32_t keep; /* index of the word in the table below */
} guidance_words;

/* The options that set them, for a command's table: `at` is the offset of its guidance_words. */
/* clang-format off */
#define GUIDANCE_OPTIONS(at)                                                                                 \
  {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "Steered"},                                                       \
  {OPTION_REAL, 0, "guidance", "W", (at) + offsetof(guidance_words, weight), 1e-6, 1e6,                      \
   "how strongly --label and --cond hold: W times the way from the unconditional velocity to the "           \
   "conditional one, by twice the evaluations (1: as trained)"},                                             \
  {OPTION_TEXT, 0, "guidance-interval", "A:B", (at) + offsetof(guidance_words, interval), 0, 0,              \
   "guide between these times only, 0 is noise and 1 data (0:1)"},                                           \
  {OPTION_TEXT, 0, "weaker", "MODEL", (at) + offsetof(guidance_words, weaker), 0, 0,                         \
   "guide away from this model instead of the unconditional velocity: one of the same data, smaller or "     \
   "trained less"},                                                                                          \
  {OPTION_TEXT, 0, "known", "FILE", (at) + offsetof(guidance_words, known), 0, 0,                            \
   "values that drawn rows have: a row for all or for each, in a .csv empty or nan where the model fills "   \
   "them in"},                                                                                               \
  {OPTION_TEXT, 0, "mask", "FILE", (at) + offsetof(guidance_words, mask), 0, 0,                              \
   "with --known: 1 where a value is known, 0 where not; between, how much it pulls"},                       \
  {OPTION_CHOICE, 0, "keep", "both|values|pull", (at) + offsetof(guidance_words, keep), 0, 0,                \
   "how values are known: as they are, and pulling at the rest (both); as they are, cheaper but less "       \
   "fitting (values); pulling only (pull)"}
/* clang-format on */

/* Returns -1 and fills `options`, or reports what is wrong and returns the exit code. */
int guidance_options_from(const command *c, const guidance_words *words, fm_guidance_options *options);
/* Makes the sampler of a drawing that has its n and its conditions a guided one, if the words ask for it: what
   they name is read. A failure is reported. */
bool guidance_begin(drawing *d, const guidance_words *words, const fm_solver_options *solver,
                    const fm_sampler_options *how, const fm_guidance_options *options);

#endif
