/* floor.c - see floor.h */
#include "floor.h"
#include "kern/kern.h"

#include <stdlib.h>

#if defined(FMI_BLAS_OPENBLAS)
#include <cblas.h>
#define CBLAS_OP(op) ((CBLAS_TRANSPOSE)(op))
#elif defined(FMI_BLAS_BLIS)
/* Its header is named and placed differently everywhere; these three functions are the same. */
#define CBLAS_OP(op) (op)
enum { CblasRowMajor = 101, CblasNoTrans = 111, CblasTrans = 112 };
void bli_thread_set_num_threads(intptr_t n);
intptr_t bli_thread_get_num_threads(void);
void cblas_sgemm(int order, int a_op, int b_op, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
#endif

#define MAX_LAYERS 64u

/* ---- the products of a step ---------------------------------------------------------------------- */

/* Weights are [out][in], activations and their gradients [batch][width]. */
struct bench_floor {
  size_t batch, layers;
  size_t width[MAX_LAYERS + 1]; /* width[l]: inputs of layer l; the last: outputs */
  float *weight[MAX_LAYERS], *d_weight[MAX_LAYERS];
  float *value[MAX_LAYERS + 1], *d_value[MAX_LAYERS + 1];
};

static size_t layer_inputs(const bench_size *size, size_t layer) {
  return layer == 0 ? size->dim + BENCH_TIME_FEATURES : layer == size->layers ? size->dim : size->width;
}

#if defined(FMI_BLAS_OPENBLAS) || defined(FMI_BLAS_BLIS)

static float *random_block(size_t n) {
  float *x = bench_alloc(n, sizeof *x);
  bench_fill(x, n, 0.1f, n);
  return x;
}

static void product(int ta, int tb, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                    size_t ldb, float *c) {
  cblas_sgemm(CblasRowMajor, CBLAS_OP(ta), CBLAS_OP(tb), (int)m, (int)n, (int)k, 1.0f, a, (int)lda, b,
              (int)ldb, 0.0f, c, (int)n);
}

/* One large product makes every page of the BLAS's work memory real. Without it OpenBLAS's kernels prefetch
   past what small products have touched, and where a failed look-up of a page is dear (a virtual machine)
   they run at a quarter of their speed for the life of the process: no floor at all. */
static void touch_work_memory(void) {
  const size_t n = 1024;
  float *a = random_block(n * n), *c = random_block(n * n);
  product(CblasNoTrans, CblasTrans, n, n, n, a, n, a, n, c);
  free(a);
  free(c);
}

bench_floor *bench_floor_create(const bench_size *size) {
  bench_floor *f = size->layers <= MAX_LAYERS ? bench_alloc(1, sizeof *f) : NULL;
  if (!f) return NULL;
  touch_work_memory();
  f->batch = size->batch;
  f->layers = size->layers;
  for (size_t l = 0; l <= f->layers; l++) {
    f->width[l] = layer_inputs(size, l);
    f->value[l] = random_block(f->batch * f->width[l]);
    f->d_value[l] = random_block(f->batch * f->width[l]);
  }
  for (size_t l = 0; l < f->layers; l++) {
    f->weight[l] = random_block(f->width[l] * f->width[l + 1]);
    f->d_weight[l] = random_block(f->width[l] * f->width[l + 1]);
  }
  return f;
}

void bench_floor_destroy(bench_floor *f) {
  if (!f) return;
  for (size_t l = 0; l <= f->layers; l++) {
    free(f->value[l]);
    free(f->d_value[l]);
  }
  for (size_t l = 0; l < f->layers; l++) {
    free(f->weight[l]);
    free(f->d_weight[l]);
  }
  free(f);
}

void bench_floor_run(void *floor) {
  bench_floor *f = floor;
  for (size_t l = 0; l < f->layers; l++) {
    size_t in = f->width[l], out = f->width[l + 1];
    product(CblasNoTrans, CblasTrans, f->batch, out, in, f->value[l], in, f->weight[l], in, f->value[l + 1]);
  }
  for (size_t l = f->layers; l-- > 0;) {
    size_t in = f->width[l], out = f->width[l + 1];
    const float *dy = f->d_value[l + 1];
    product(CblasTrans, CblasNoTrans, out, in, f->batch, dy, out, f->value[l], in, f->d_weight[l]);
    if (l > 0)
      product(CblasNoTrans, CblasNoTrans, f->batch, in, out, dy, out, f->weight[l], in, f->d_value[l]);
  }
}

#else

bench_floor *bench_floor_create(const bench_size *size) {
  (void)size;
  return NULL;
}
void bench_floor_destroy(bench_floor *f) { free(f); }
void bench_floor_run(void *floor) { (void)floor; }

#endif

void bench_blas_set_threads(int n) {
#if defined(FMI_BLAS_OPENBLAS)
  openblas_set_num_threads(n);
#elif defined(FMI_BLAS_BLIS)
  bli_thread_set_num_threads(n);
#else
  (void)n;
#endif
}

int bench_blas_get_threads(void) {
#if defined(FMI_BLAS_OPENBLAS)
  return openblas_get_num_threads();
#elif defined(FMI_BLAS_BLIS)
  int n = (int)bli_thread_get_num_threads();
  return n > 0 ? n : 1; /* nothing set is one thread */
#else
  return 0;
#endif
}

/* ---- reading ------------------------------------------------------------------------------------- */

size_t bench_packed_bytes(const bench_size *size) {
  size_t bytes = 0;
  for (size_t l = 0; l < size->layers; l++)
    bytes += fmi_packed_count(layer_inputs(size, l), layer_inputs(size, l + 1)) * sizeof(float);
  return bytes;
}

void bench_read_destroy(bench_read *read) { free((void *)(uintptr_t)read->block); }

/* Exclusive-or, not a sum: integers may be reordered, so that nothing but the loads sets the pace. Two cache
   lines of every stream in turn. */
#if defined(__GNUC__)
typedef uint64_t lanes __attribute__((vector_size(32)));
#define READ_BODY                                                                                            \
  size_t n = bytes / streams / sizeof(lanes) / 4 * 4;                                                        \
  lanes a = {0}, b = {0}, c = {0}, d = {0};                                                                  \
  for (size_t i = 0; i < n; i += 4)                                                                          \
    for (size_t s = 0; s < streams; s++) {                                                                   \
      const lanes *x = (const lanes *)block + s * n + i;                                                     \
      a ^= x[0];                                                                                             \
      b ^= x[1];                                                                                             \
      c ^= x[2];                                                                                             \
      d ^= x[3];                                                                                             \
    }                                                                                                        \
  a ^= b ^ c ^ d;                                                                                            \
  return a[0] ^ a[1] ^ a[2] ^ a[3];
#else
#define READ_BODY                                                                                            \
  const uint64_t *x = block;                                                                                 \
  uint64_t sum = streams;                                                                                    \
  for (size_t i = 0; i < bytes / sizeof *x; i++) sum ^= x[i];                                                \
  return sum;
#endif

static uint64_t read_plain(const void *block, size_t bytes, size_t streams) { READ_BODY }

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_avx2(const void *block, size_t bytes, size_t streams) {
  READ_BODY
}
static uint64_t read_best(const void *block, size_t bytes, size_t streams) {
  return __builtin_cpu_supports("avx2") ? read_avx2(block, bytes, streams)
                                        : read_plain(block, bytes, streams);
}
#else
static uint64_t read_best(const void *block, size_t bytes, size_t streams) {
  return read_plain(block, bytes, streams);
}
#endif

void bench_read_run(void *read) {
  const bench_read *r = read;
  static volatile uint64_t sink; /* keeps the loop alive */
  for (size_t i = 0; i < r->times; i++) sink = sink ^ read_best(r->block, r->bytes, r->streams);
}

void bench_read_create(bench_read *read, size_t bytes, size_t times) {
  float *block = bench_alloc(bytes, 1);
  bench_fill(block, bytes / sizeof *block, 1.0f, 7);
  bench_read tries[4];
  bench_run runs[4];
  for (size_t i = 0; i < 4; i++) {
    tries[i] = (bench_read){.block = block, .bytes = bytes, .times = times, .streams = (size_t)1 << i};
    runs[i] = (bench_run){.name = "read", .run = bench_read_run, .self = &tries[i]};
  }
  bench_interleave(runs, 4, 0.5);
  size_t best = 0;
  for (size_t i = 1; i < 4; i++)
    if (runs[i].median < runs[best].median) best = i;
  *read = tries[best];
}
