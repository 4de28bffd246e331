/* output.h - files that appear whole or not at all. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/cli.h"

#include <stdio.h>

typedef struct output {
  FILE *file;
  const char *name; /* as the user wrote it; "-" is standard output */
  char *final;      /* what the finished file is renamed to; NULL: it is written in place */
  char *temporary;
} output;

/* Each reports its own failure. A regular file is written as a temporary beside it and renamed by the
   commit; a device or pipe is written directly. */
bool output_open(output *out, const char *name);
bool output_write(output *out, const void *bytes, size_t n_bytes);
bool output_commit(output *out); /* on failure the temporary is gone */
void output_abort(output *out);  /* does nothing after a commit */

/* Finds out before hours of work whether `name` can be written in the end. */
bool output_check(const char *name);

#endif
