/* progress.h - how far along: one redrawn line on a terminal, now and then a plain line elsewhere. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cli.h"

typedef struct progress {
  const char *unit; /* "steps" */
  uint64_t total, first, done;
  double loss; /* NaN: there is none */
  double began, shown;
  bool terminal;
  bool drawn; /* a line is there and may be drawn over */
} progress;

/* first: what was done before, by an earlier run. Nothing is shown if cli_quiet. */
void progress_begin(progress *p, const char *unit, uint64_t first, uint64_t total);
void progress_show(progress *p, uint64_t done, double loss);
void progress_end(progress *p);   /* shows where it ended */
void progress_break(progress *p); /* leaves the line, for a message */
double progress_seconds(const progress *p);

/* "4.2 s", "1:05 min", "2:03:04 h" */
const char *progress_time_text(char buffer[32], double seconds);

#endif
