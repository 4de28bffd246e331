/* gates.c - prints every measured promise with its bound; the exit status is 1 if one is broken. Without an
   argument all are measured; the arguments bits, alloc, speed and quiet choose. */
#include "gates.h"

#include <stdio.h>
#include <stdlib.h>

void gate_check(gate_log *log, const char *what, double value, double bound) {
  bool pass = value <= bound;
  if (!pass) log->n_failed++;
  printf("  %-76s %10.4g %8.4g  %s\n", what, value, bound, pass ? "PASS" : "FAIL");
  fflush(stdout);
}

void gate_inform(const char *what, double value) {
  printf("  %-76s %10.4g %8s  -\n", what, value, "-");
  fflush(stdout);
}

void gate_note(const char *text) {
  printf("  %s\n", text);
  fflush(stdout);
}

/* ---- what the gates are measured on ------------------------------------------------------------- */

fm_net *gate_net_create(fm_ctx *ctx, uint32_t kind) {
  fm_net_options options;
  fm_net_options_init(&options);
  options.kind = kind;
  options.width = 72; /* leaves a remainder for any tile */
  options.depth = kind == FM_NET_MLP ? 4 : 2;
  uint32_t n_classes = GATE_CLASSES;
  fm_net *net = NULL;
  BENCH_OK(ctx, fm_net_create(ctx, GATE_DIM, &n_classes, 1, 0, &options, &net));
  return net;
}

fm_model *gate_model_create(fm_ctx *ctx, uint32_t kind) {
  fm_net *net = gate_net_create(ctx, kind);
  size_t n = fm_net_n_params(net);
  float *params = bench_alloc(2 * n, sizeof *params);
  BENCH_OK(ctx, fm_net_init(ctx, net, 1, params));
  bench_fill(params + n, n, 0.1f, 2);
  for (size_t i = 0; i < n; i++) params[i] += params[n + i];
  double shift[GATE_DIM], scale[GATE_DIM];
  for (size_t j = 0; j < GATE_DIM; j++) {
    shift[j] = 0.3 * (double)j - 1;
    scale[j] = 1 + 0.1 * (double)j;
  }
  fm_normaliser *normaliser = NULL;
  BENCH_OK(ctx, fm_normaliser_create(ctx, shift, scale, GATE_DIM, &normaliser));
  fm_model *model = NULL;
  BENCH_OK(ctx, fm_model_create(ctx, net, params, NULL, NULL, NULL, normaliser, NULL, &model));
  fm_normaliser_destroy(normaliser);
  fm_net_destroy(net);
  free(params);
  return model;
}

void gate_labels(int32_t *labels, size_t n) {
  for (size_t i = 0; i < n; i++) labels[i] = (int32_t)((i * 7 + i / 11) % (GATE_CLASSES + 1)) - 1;
}

static int32_t run_reversed(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  (void)user;
  while (n-- > 0) task(arg, n);
  return 0;
}

fm_ctx *gate_ctx_create(uint32_t n_threads, bool reversed) {
  static int user; /* function and pointer come in pairs */
  fm_ctx_options options;
  fm_ctx_options_init(&options);
  options.n_threads = n_threads;
  if (reversed) {
    options.run = run_reversed;
    options.run_user = &user;
  }
  fm_ctx *ctx = NULL;
  BENCH_OK(NULL, fm_ctx_create(&options, &ctx));
  return ctx;
}

static bool chosen(int argc, char **argv, const char *name) {
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return true;
  return argc == 1;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], GATE_QUIET_CHILD) == 0) return gate_quiet_child();
  gate_log log = {0};
  printf("  %-76s %10s %8s\n", "", "measured", "bound");
  if (chosen(argc, argv, "bits")) {
    puts("Same bits (bytes that differ)");
    gate_bits_sampling(&log);
    gate_bits_training(&log);
  }
  if (chosen(argc, argv, "alloc")) {
    puts("No allocation after creation (calls of the allocator)");
    gate_alloc(&log);
  }
  if (chosen(argc, argv, "speed")) {
    puts("Training step / its bare matrix products, one thread (ratio of times)");
    gate_speed(&log);
  }
  if (chosen(argc, argv, "quiet")) {
    puts("Quiet threads (CPU time of every thread but the caller's, ns)");
    fflush(stdout);
    gate_quiet(&log, argv[0]);
  }
  printf("%s: %zu failed\n", log.n_failed ? "FAIL" : "PASS", log.n_failed);
  return log.n_failed ? 1 : 0;
}
