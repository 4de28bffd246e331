/* progress.c - how far along: one redrawn line on a terminal, now and then a plain line elsewhere. */
#define _DEFAULT_SOURCE /* TIOCGWINSZ, where it is known */
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_SECONDS .1
#define PLAIN_SECONDS 5
#define MOST_BAR 40
#define LEAST_BAR 8

const char *progress_time_text(char buffer[32], double seconds) {
  unsigned long s = (unsigned long)(seconds + .5);
  if (seconds < 9.95)
    snprintf(buffer, 32, "%.1f s", seconds);
  else if (s < 60)
    snprintf(buffer, 32, "%lu s", s);
  else if (s < 3600)
    snprintf(buffer, 32, "%lu:%02lu min", s / 60, s % 60);
  else
    snprintf(buffer, 32, "%lu:%02lu:%02lu h", s / 3600, s / 60 % 60, s % 60);
  return buffer;
}

static int terminal_width(void) {
#ifdef TIOCGWINSZ
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#endif
  return 80;
}

/* Line-drawing characters where the environment promises UTF-8, plain ones elsewhere. */
static bool is_utf8_terminal(void) {
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (size_t i = 0; i < COUNT(names); i++) {
    const char *value = getenv(names[i]);
    if (value && *value) return strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
  }
  return false;
}

static void print_bar(double part, int width) {
  bool fine = is_utf8_terminal();
  const char *full = fine ? "\u2501" : "#", *empty = fine ? "\u2500" : ".";
  for (int i = 0; i < width; i++) fputs(i < (int)(part * width + .5) ? full : empty, stderr);
}

/* "1800/4000 steps  loss 0.2345  410/s  5.3 s left" */
static void describe(const progress *p, bool ended, char *text, size_t room) {
  char loss[32] = "", time[32];
  double seconds = progress_seconds(p), rate = seconds > 0 ? (double)(p->done - p->first) / seconds : 0;
  if (!isnan(p->loss)) snprintf(loss, sizeof loss, "  loss %.4f", p->loss);
  if (!isnan(p->loss) && p->loss < .01) snprintf(loss, sizeof loss, "  loss %.3g", p->loss);
  int n = snprintf(text, room, "%llu/%llu %s%s  %.*f/s", (unsigned long long)p->done,
                   (unsigned long long)p->total, p->unit, loss, rate < 10 ? 1 : 0, rate);
  if (ended)
    snprintf(text + n, room - (size_t)n, "  %s", progress_time_text(time, seconds));
  else if (rate > 0)
    snprintf(text + n, room - (size_t)n, "  %s left",
             progress_time_text(time, (double)(p->total - p->done) / rate));
}

static void draw(progress *p, bool ended) {
  char text[160];
  double part = p->total ? (double)p->done / (double)p->total : 1;
  describe(p, ended, text, sizeof text);
  if (!p->terminal) {
    fprintf(stderr, "%3.0f %%  %s\n", floor(100 * part), text);
    return;
  }
  int width = terminal_width(), bar = width - (int)strlen(text) - 10; /* "  bar  45 %  text", less a column */
  if (bar > MOST_BAR) bar = MOST_BAR;
  fputs("\r", stderr);
  if (bar >= LEAST_BAR) {
    fputs(" ", stderr);
    print_bar(part, bar);
  }
  if (width > 10) fprintf(stderr, "%4.0f %%  %.*s\033[K", floor(100 * part), width - 10, text);
  fflush(stderr);
  p->drawn = true;
}

void progress_begin(progress *p, const char *unit, uint64_t first, uint64_t total) {
  memset(p, 0, sizeof *p);
  p->unit = unit;
  p->total = total;
  p->first = p->done = first;
  p->loss = NAN;
  p->terminal = isatty(STDERR_FILENO) != 0;
  p->began = p->shown = cli_seconds();
}

void progress_show(progress *p, uint64_t done, double loss) {
  double now = cli_seconds();
  p->done = done;
  p->loss = loss;
  if (cli_quiet || now - p->shown < (p->terminal ? REDRAW_SECONDS : PLAIN_SECONDS)) return;
  p->shown = now;
  draw(p, false);
}

void progress_break(progress *p) {
  if (p->drawn) fputc('\n', stderr);
  p->drawn = false;
}

void progress_end(progress *p) {
  if (cli_quiet) return;
  draw(p, true);
  progress_break(p);
}

double progress_seconds(const progress *p) { return cli_seconds() - p->began; }
