/* cli.h - what all commands share: exit codes, messages, memory, and the library's context. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "flowmatch_eval.h"
#include "flowmatch_guide.h"
#include "flowmatch_parts.h"

#include <stdbool.h>
#include <stdlib.h>

#define EXIT_USAGE 2         /* the command line is wrong; EXIT_FAILURE is for everything else */
#define EXIT_INTERRUPTED 130 /* as shells report SIGINT */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define S(count) ((count) == 1 ? "" : "s") /* a plural's ending */

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

/* ---- messages, all on stderr --------------------------------------------------------------------- */

/* Prints "flowmatch: WHAT: text", then what to do about it unless hint is NULL. Returns false, so that a
   function that reports its own failure can end with `return cli_fail(...)`. */
bool cli_fail(const char *what, const char *hint, const char *format, ...) PRINTF_LIKE(3, 4);
/* "flowmatch: warning: text" */
void cli_warn(const char *format, ...) PRINTF_LIKE(1, 2);
/* A plain line, unless cli_quiet. */
void cli_note(const char *format, ...) PRINTF_LIKE(1, 2);
extern bool cli_quiet;

/* ---- memory: running out of it ends the program with a message ------------------------------------- */

void *cli_alloc(size_t count, size_t size); /* zeroed */
/* Room for at least `needed` elements: grows by doubling, so that appending stays linear. */
void *cli_grow(void *block, size_t *capacity, size_t needed, size_t size);
char *cli_copy_text(const char *text);

/* Words of a command line, in the program's arguments. */
typedef struct word_list {
  const char **word;
  size_t n;
} word_list;

/* ---- small things ---------------------------------------------------------------------------------- */

double cli_seconds(void); /* a monotonic clock */
/* "8x8" or "32x32x3" to up to max factors, each at least 1; returns how many, 0 if it isn't that. */
size_t cli_parse_shape(const char *text, size_t *factors, size_t max);
/* A whole cell as a number: blanks around it are fine, anything else is not. The program never calls
   setlocale, so that a number looks the same everywhere. */
bool cli_parse_number(const char *text, double *value);
/* "1707", "612 k", "2.06 M" */
const char *cli_count_text(char buffer[24], double count);

/* ---- the library's context ------------------------------------------------------------------------- */

/* n_threads 0: one for every processor. NULL if it failed, which has been reported. */
fm_ctx *cli_context(uint64_t n_threads);
/* True if status is FM_OK; else reports the context's text and returns false. */
bool cli_check(fm_ctx *ctx, fm_status status, const char *what, const char *hint);
/* From now on Ctrl-C and SIGTERM ask the call that runs on ctx to stop; a second one kills as usual. */
void cli_stop_on_signals(fm_ctx *ctx);

#endif
