/* solver.h - the words of a command line that say how to solve, made into options. */
#ifndef CLI_SOLVER_H
#define CLI_SOLVER_H

#include "cli/args.h"

#include <stddef.h>

typedef struct solver_words {
  const char *method, *grid; /* NULL: not given */
  uint64_t steps;            /* 0: not given */
  double rtol, atol;         /* 0: not given */
} solver_words;

/* The options that set them, for a command's table: `at` is the offset of its solver_words, the texts say
   what it does where nothing is asked for. */
#define AUTO_SOLVER                                                                                          \
  "auto: euler if --steps or --grid is given or the model was distilled for steps, else dopri5; mean for "   \
  "models of train --objective mean-flow (auto)"
/* clang-format off */
#define SOLVER_OPTIONS(at, automatic, steps_by_default)                                                      \
  {OPTION_TEXT, 0, "solver", "NAME", (at) + offsetof(solver_words, method), 0, 0,                            \
   "one of the list below; " automatic},                                                                     \
  {OPTION_COUNT, 0, "steps", "N", (at) + offsetof(solver_words, steps), 1, 1e6,                              \
   "fixed steps, and how many (" steps_by_default ")"},                                                      \
  {OPTION_TEXT, 0, "grid", "G", (at) + offsetof(solver_words, grid), 0, 0,                                   \
   "fixed steps, and where: uniform; shifted:S, shorter near the noise for S > 1; edm, shorter at "          \
   "both ends (uniform)"},                                                                                   \
  {OPTION_REAL, 0, "rtol", "X", (at) + offsetof(solver_words, rtol), 1e-12, 1,                               \
   "chosen steps: relative tolerance (1e-3)"},                                                               \
  {OPTION_REAL, 0, "atol", "X", (at) + offsetof(solver_words, atol), 1e-12, 1,                               \
   "chosen steps: absolute tolerance, in deviations (1e-3)"}
/* clang-format on */

/* Returns -1 and fills `options`, or reports what is wrong and returns the exit code. The method is 0 where it
   is left to the model. */
int solver_options_from(const command *c, const solver_words *words, fm_solver_options *options);
/* A method for fixed steps that was left to the model: its own where they can be taken, else Euler's. */
void solver_settle(const fm_model *model, bool own_steps, fm_solver_options *options);
/* The list of methods, as the help ends with it. */
void solver_help(void);

#endif
