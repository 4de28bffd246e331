/* sample_bench.c - drawing from an MLP: one row in 10 Euler steps, where the time is an answer's latency, and
   1000 rows in 20, where it is throughput. The floor of the one row is reading its packed weights once per
   evaluation. With --rows it prints the lines that bench/peers reads instead of a table. */
#include "floor.h"

#include <stdio.h>
#include <stdlib.h>

#define ONE_STEPS 10u
#define MANY_ROWS 1000u
#define MANY_STEPS 20u

enum { READ, ONE, MANY, N_RUNS };

typedef struct sample_case {
  bench_read read;
  bench_sampling one, many;
  bench_run runs[N_RUNS];
} sample_case;

static void measure(sample_case *c, const bench_size *size) {
  bench_read_create(&c->read, bench_packed_bytes(size), ONE_STEPS);
  bench_sampling_create(&c->one, NULL, size, 1, ONE_STEPS);
  bench_sampling_create(&c->many, NULL, size, MANY_ROWS, MANY_STEPS);
  c->runs[READ] = (bench_run){.name = "read", .run = bench_read_run, .self = &c->read};
  c->runs[ONE] = (bench_run){.name = "one", .run = bench_sampling_run, .self = &c->one};
  c->runs[MANY] = (bench_run){.name = "many", .run = bench_sampling_run, .self = &c->many};
  bench_interleave(&c->runs[READ], 2, 1.0); /* apart from the long runs, which would empty the caches */
  bench_interleave(&c->runs[MANY], 1, 2.0);
}

static void release(sample_case *c) {
  bench_read_destroy(&c->read);
  bench_sampling_destroy(&c->one);
  bench_sampling_destroy(&c->many);
}

static void print_line(const sample_case *c, const char *name) {
  const bench_run *r = c->runs;
  double read = r[READ].median, many = r[MANY].median;
  printf("%-16s%10.1f %9.1f %10.1f %6.2f %13.1f %12.0f\n", name, (double)c->read.bytes / 1e3, 1e6 * read,
         1e6 * r[ONE].median, bench_ratio(&r[ONE], &r[READ]), 1e6 * many, MANY_ROWS / many);
}

int main(int argc, char **argv) {
  bool rows = argc > 1 && strcmp(argv[1], "--rows") == 0;
  if (!rows) {
    puts("Sampling, one thread, microseconds of CPU time (medians). One row: 10 Euler steps; 1000 rows: 20.");
    printf("%-16s%10s %9s %10s %6s %13s %12s\n", "batch dim w L", "weights kB", "read x10", "one row",
           "ratio", "1000 rows", "rows/s");
  }
  sample_case *c = bench_alloc(1, sizeof *c);
  for (size_t i = 0; i < BENCH_N_SIZES; i++) {
    char name[64];
    bench_size_name(&bench_sizes[i], name);
    measure(c, &bench_sizes[i]);
    if (rows) {
      bench_print_row("read-floor", "one", name, c->runs[READ].median);
      bench_print_row("own", "one", name, c->runs[ONE].median);
      bench_print_row("own", "many", name, c->runs[MANY].median);
    } else {
      print_line(c, name);
    }
    fflush(stdout);
    release(c);
  }
  free(c);
  return 0;
}
