/* solver.h - the words of a command line that say how to solve, made into options. */
#ifndef CLI_SOLVER_H
#define CLI_SOLVER_H

#include "cli/args.h"

typedef struct solver_words {
  const char *method, *grid; /* NULL: not given */
  uint64_t steps;            /* 0: not given */
  double rtol, atol;         /* 0: not given */
} solver_words;

/* Returns -1 and fills `options`, or reports what is wrong and returns the exit code. */
int solver_options_from(const command *c, const solver_words *words, fm_solver_options *options);
/* The list of methods, as the help ends with it. */
void solver_help(void);

#endif
