/* run.c - a program's run: its words, what it says and reports, and statistics over seeds. */
#include "tables.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *tables_alloc(size_t count, size_t size) {
  void *block = calloc(count ? count : 1, size);
  if (!block) {
    fputs("tables: out of memory\n", stderr);
    exit(2);
  }
  return block;
}

double tables_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tables_check(fm_ctx *ctx, fm_status status, const char *call) {
  if (status == FM_OK) return;
  fprintf(stderr, "tables: %s: %s: %s\n", call, fm_status_name(status), ctx ? fm_ctx_message(ctx) : "");
  exit(2);
}

/* ---- words ------------------------------------------------------------------------------------------- */

static void usage(const char *name) {
  fprintf(stderr, "usage: %s --out FOLDER [--quick] [--seeds N] [--share S]\n", name);
  exit(2);
}

static void read_words(tables_run *run, double quick_share, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--quick") == 0) {
      run->quick = true;
      run->n_seeds = 2;
      run->share = quick_share;
    } else if (i + 1 == argc) {
      usage(run->name);
    } else if (strcmp(argv[i], "--out") == 0) {
      run->folder = argv[++i];
    } else if (strcmp(argv[i], "--seeds") == 0) {
      run->n_seeds = strtoul(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--share") == 0) {
      run->share = strtod(argv[++i], NULL);
    } else {
      usage(run->name);
    }
  }
  if (!run->folder || run->n_seeds < 1 || run->n_seeds > TABLES_MOST_SEEDS || !(run->share > 0))
    usage(run->name);
}

void tables_begin(tables_run *run, const char *name, const char *title, double quick_share, int argc,
                  char **argv) {
  *run = (tables_run){.name = name, .n_seeds = 5, .share = 1, .began = tables_seconds()};
  read_words(run, quick_share, argc, argv);
  TABLES_OK(NULL, fm_ctx_create(NULL, &run->ctx));
  char file[64];
  snprintf(file, sizeof file, "%s.md", name);
  run->report = fopen(tables_path(run, file), "w");
  if (!run->report) {
    perror(tables_path(run, file));
    exit(2);
  }
  tables_write(run, "## %s\n\nSeeds: %zu, unless it says otherwise. ", title, run->n_seeds);
  if (run->quick)
    tables_write(
        run,
        "Bounded (`--quick`): %g of the steps, OT within 256 rows, a fifth of the test and pair rows.\n\n",
        run->share);
  else if (run->share != 1)
    tables_write(run, "Bounded: %g of the steps.\n\n", run->share);
  else
    tables_write(run, "Whole: the recipe's steps and rows.\n\n");
}

int tables_end(tables_run *run) {
  tables_write(run, "\nTook %.0f s on one thread.\n", tables_seconds() - run->began);
  fclose(run->report);
  fm_ctx_destroy(run->ctx);
  return run->n_missed > 0;
}

uint64_t tables_steps(const tables_run *run, uint64_t recipe) {
  return (uint64_t)fmax(1, round(run->share * (double)recipe));
}

size_t tables_rows(const tables_run *run, size_t recipe) { return run->quick ? (recipe + 4) / 5 : recipe; }

size_t tables_ot_rows(const tables_run *run, size_t recipe) {
  return run->quick && recipe > 256 ? 256 : recipe;
}

/* ---- what it says ------------------------------------------------------------------------------------ */

void tables_say(const tables_run *run, const char *format, ...) {
  va_list list;
  printf("[%6.0f s] %s: ", tables_seconds() - run->began, run->name);
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
  putchar('\n');
  fflush(stdout);
}

static void write_list(const tables_run *run, const char *format, va_list list) {
  char text[2048];
  vsnprintf(text, sizeof text, format, list);
  fputs(text, stdout);
  fflush(stdout);
  fputs(text, run->report);
  fflush(run->report);
}

void tables_write(const tables_run *run, const char *format, ...) {
  va_list list;
  va_start(list, format);
  write_list(run, format, list);
  va_end(list);
}

static void accept_list(tables_run *run, const char *verdict, const char *format, va_list list) {
  tables_write(run, "- %s: ", verdict);
  write_list(run, format, list);
  tables_write(run, "\n");
}

void tables_accept(tables_run *run, bool holds, const char *format, ...) {
  va_list list;
  run->n_missed += !holds;
  va_start(list, format);
  accept_list(run, holds ? "PASS" : "MISS", format, list);
  va_end(list);
}

void tables_accept_whole(tables_run *run, bool holds, const char *format, ...) {
  va_list list;
  run->n_missed += !holds && !run->quick;
  va_start(list, format);
  accept_list(run, holds ? "PASS" : run->quick ? "not reached by the bounded run" : "MISS", format, list);
  va_end(list);
}

const char *tables_path(const tables_run *run, const char *file) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", run->folder, file);
  return path;
}

void tables_save_rows(const tables_run *run, const char *file, const double *x, size_t n) {
  FILE *out = fopen(tables_path(run, file), "w");
  if (!out) {
    perror(tables_path(run, file));
    exit(2);
  }
  fputs("x,y\n", out);
  for (size_t i = 0; i < n; i++) fprintf(out, "%.9g,%.9g\n", x[2 * i], x[2 * i + 1]);
  fclose(out);
}

void tables_save_model(const tables_run *run, const char *file, const fm_model *model) {
  TABLES_OK(run->ctx, fm_model_save(run->ctx, model, tables_path(run, file)));
}

/* ---- statistics -------------------------------------------------------------------------------------- */

void tables_add(tables_values *values, double value) {
  if (values->n < TABLES_MOST_SEEDS) values->value[values->n++] = value;
}

double tables_mean(const tables_values *values) {
  double sum = 0;
  for (size_t i = 0; i < values->n; i++) sum += values->value[i];
  return values->n > 0 ? sum / (double)values->n : NAN;
}

double tables_deviation(const tables_values *values) {
  double mean = tables_mean(values), sum = 0;
  if (values->n < 2) return 0;
  for (size_t i = 0; i < values->n; i++) sum += pow(values->value[i] - mean, 2);
  return sqrt(sum / (double)(values->n - 1));
}

const char *tables_text(const tables_values *values, char text[48]) {
  if (values->n == 0) return "-";
  if (values->n == 1)
    snprintf(text, 48, "%.3f", values->value[0]);
  else
    snprintf(text, 48, "%.3f ± %.3f", tables_mean(values), tables_deviation(values));
  return text;
}
