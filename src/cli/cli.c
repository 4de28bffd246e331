/* cli.c - messages, memory, and the library's context. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_DEFAULT_THREADS 16 /* more rarely help networks of this size */

bool cli_quiet = false;

bool cli_fail(const char *what, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "flowmatch: %s: ", what);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  if (hint) fprintf(stderr, "  %s\n", hint);
  va_end(arguments);
  return false;
}

void cli_warn(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("flowmatch: warning: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

void cli_note(const char *format, ...) {
  va_list arguments;
  if (cli_quiet) return;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static void out_of_memory(size_t count, size_t size) {
  cli_fail("out of memory", "Use fewer rows or columns, or a machine with more memory.",
           "%.0f MB were asked for and refused", (double)count * (double)size / 1e6);
  exit(EXIT_FAILURE);
}

void *cli_alloc(size_t count, size_t size) {
  void *block = calloc(count ? count : 1, size);
  if (!block) out_of_memory(count, size);
  return block;
}

void *cli_grow(void *block, size_t *capacity, size_t needed, size_t size) {
  if (needed <= *capacity) return block;
  size_t wanted = *capacity < 64 ? 64 : *capacity;
  while (wanted < needed) wanted = wanted > SIZE_MAX / 2 ? needed : 2 * wanted;
  void *grown = wanted > SIZE_MAX / size ? NULL : realloc(block, wanted * size);
  if (!grown) out_of_memory(wanted, size);
  *capacity = wanted;
  return grown;
}

char *cli_copy_text(const char *text) {
  size_t length = strlen(text) + 1;
  return memcpy(cli_alloc(length, 1), text, length);
}

/* ---- small things ---------------------------------------------------------------------------------- */

double cli_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

size_t cli_parse_shape(const char *text, size_t *factors, size_t max) {
  for (size_t n = 0; n < max; text++) {
    char *end;
    if (!isdigit((unsigned char)*text)) return 0;
    unsigned long factor = strtoul(text, &end, 10);
    if (factor == 0 || factor > INT32_MAX) return 0;
    factors[n++] = factor;
    if (*end == '\0') return n;
    if (*end != 'x') return 0;
    text = end;
  }
  return 0;
}

bool cli_parse_number(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end); /* out of range gives infinity, which callers reject, or a number near 0 */
  if (end == text) return false;
  while (isspace((unsigned char)*end)) end++;
  return *end == '\0';
}

const char *cli_count_text(char buffer[24], double count) {
  if (count < 1e4)
    snprintf(buffer, 24, "%.0f", count);
  else if (count < 1e6)
    snprintf(buffer, 24, "%.*f k", count < 1e5, count / 1e3);
  else
    snprintf(buffer, 24, "%.2f M", count / 1e6);
  return buffer;
}

/* ---- the library's context ------------------------------------------------------------------------- */

fm_ctx *cli_context(uint64_t n_threads) {
  fm_ctx_options options;
  fm_ctx *ctx = NULL;
  fm_ctx_options_init(&options);
  if (n_threads == 0) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    n_threads = online < 1 ? 1 : online > MOST_DEFAULT_THREADS ? MOST_DEFAULT_THREADS : (uint64_t)online;
  }
  options.n_threads = (uint32_t)n_threads;
  /* The process is ours: one BLAS thread for each of the library's own keeps both fast and the bits the
     same. */
  options.blas = FM_BLAS_SERIAL;
  fm_status status = fm_ctx_create(&options, &ctx);
  if (status == FM_E_UNSUPPORTED) { /* a library without a BLAS has none to set */
    options.blas = FM_BLAS_AUTO;
    status = fm_ctx_create(&options, &ctx);
  }
  if (status != FM_OK)
    cli_fail("start", NULL, "no context with %u threads: %s", (unsigned)n_threads, fm_status_name(status));
  return ctx;
}

bool cli_check(fm_ctx *ctx, fm_status status, const char *what, const char *hint) {
  if (status == FM_OK) return true;
  const char *text = fm_ctx_message(ctx);
  size_t length = strlen(what); /* messages about a file begin with its name, as ours do */
  if (strncmp(text, what, length) == 0 && strncmp(text + length, ": ", 2) == 0) text += length + 2;
  return cli_fail(what, hint, "%s", *text ? text : fm_status_name(status));
}

static fm_ctx *volatile stopped_by_signal;

static void on_signal(int number) {
  (void)number;
  fm_ctx_stop(stopped_by_signal);
}

void cli_stop_on_signals(fm_ctx *ctx) {
  struct sigaction action;
  stopped_by_signal = ctx;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_signal;
  /* Restart calls: an interrupted write is no failed write. Reset: the second signal is taken literally. */
  action.sa_flags = (int)(SA_RESTART | SA_RESETHAND);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}
