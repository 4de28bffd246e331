/* fixture.h - what the tests of operators, networks, training and sampling share: assertions with the
   context's text in them, numbers that look random, contexts of every kind, and the main function. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "core/core.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef FMI_DOUBLE
#define EPS DBL_EPSILON
#define IS_DOUBLE true
#else
#define EPS ((double)FLT_EPSILON)
#define IS_DOUBLE false
#endif

/* Under valgrind and the thread sanitizer a hundredth of the work finds what there is to find. */
static inline bool quick(void) {
  const char *text = getenv("FM_TEST_QUICK");
  return text != NULL && text[0] != '\0' && strcmp(text, "0") != 0;
}

/* ---- assertions ------------------------------------------------------------------------------------ */

/* In loops nothing is said of what holds: Check writes a record of every assertion, which takes longer than
   most of what is asserted here. */
#define HOLDS(condition, ...)                                                                                \
  do {                                                                                                       \
    if (!(condition)) ck_abort_msg(__VA_ARGS__);                                                             \
  } while (0)
#define CLOSE(got, want, tolerance)                                                                          \
  do {                                                                                                       \
    double got_ = (got), want_ = (want), tolerance_ = (tolerance);                                           \
    HOLDS(fabs(got_ - want_) <= tolerance_, "line %d: %s = %.17g, expected %.17g within %g", __LINE__, #got, \
          got_, want_, tolerance_);                                                                          \
  } while (0)
/* The calls of a test go through one context named ctx. */
#define OK(call)                                                                                             \
  do {                                                                                                       \
    fm_status status_ = (call);                                                                              \
    ck_assert_msg(status_ == FM_OK, "line %d: %s: %s: %s", __LINE__, #call, fm_status_name(status_),         \
                  fm_ctx_message(ctx));                                                                      \
  } while (0)
/* The call fails with the status and a text that names `part`. */
#define FAILS(expected, part, call)                                                                          \
  do {                                                                                                       \
    fm_status status_ = (call);                                                                              \
    ck_assert_msg(status_ == (expected), "line %d: %s: %s, expected %s (%s)", __LINE__, #call,               \
                  fm_status_name(status_), #expected, fm_ctx_message(ctx));                                  \
    ck_assert_msg(strstr(fm_ctx_message(ctx), part) != NULL, "line %d: expected \"%s\" in: %s", __LINE__,    \
                  part, fm_ctx_message(ctx));                                                                \
  } while (0)
#define SAME(a, b, n)                                                                                        \
  ck_assert_msg(memcmp(a, b, (n) * sizeof *(a)) == 0, "line %d: bits differ: %s, %s", __LINE__, #a, #b)

static inline void all_close(const real *got, const real *want, size_t n, double tolerance,
                             const char *what) {
  for (size_t i = 0; i < n; i++) {
    double a = got[i], b = want[i];
    HOLDS(fabs(a - b) <= tolerance * (1 + fabs(b)), "%s [%zu] = %.17g, expected %.17g within %g", what, i, a,
          b, tolerance * (1 + fabs(b)));
  }
}

/* ---- numbers --------------------------------------------------------------------------------------- */

static inline uint64_t next_word(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
/* In [-1, 1). */
static inline double next_uniform(uint64_t *state) { return (double)(next_word(state) >> 11) * 0x1p-52 - 1; }
static inline double next_normal(uint64_t *state) {
  double u = 0.5 * (next_uniform(state) + 1), v = next_uniform(state);
  return sqrt(-2 * log(1 - u)) * cos(3.14159265358979323846 * v);
}
static inline void fill_reals(real *x, size_t n, uint64_t seed) {
  for (size_t i = 0; i < n; i++) x[i] = (real)next_uniform(&seed);
}
static inline void fill_normals(float *x, size_t n, uint64_t seed) {
  for (size_t i = 0; i < n; i++) x[i] = (float)next_normal(&seed);
}
static inline void poison(real *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = (real)NAN;
}

/* ---- memory ---------------------------------------------------------------------------------------- */

/* An aligned block with a guard behind it that check_guard looks at. */
#define GUARD 16u
static inline real *new_reals(size_t n) {
  real *x = aligned_alloc(FMI_ALIGN, fmi_round_up((n + GUARD) * sizeof *x, FMI_ALIGN));
  ck_assert_ptr_nonnull(x);
  for (size_t i = 0; i < n + GUARD; i++) x[i] = i < n ? 0 : (real)-7.25;
  return x;
}
static inline void check_guard(const real *x, size_t n) {
  for (size_t i = n; i < n + GUARD; i++) HOLDS(x[i] == (real)-7.25, "written %zu behind the end", i - n);
}
static inline void *new_block(size_t count, size_t size) {
  void *block = calloc(count + 1, size);
  ck_assert_ptr_nonnull(block);
  return block;
}

/* ---- contexts -------------------------------------------------------------------------------------- */

/* A host's executor that runs tasks last to first. */
static inline int32_t run_in_reverse(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  if (user != NULL) ++*(size_t *)user;
  while (n-- > 0) task(arg, n);
  return 0;
}

/* 0 threads: the reverse executor, five tasks at a time. */
static inline fm_ctx *new_ctx(uint32_t n_threads) {
  fm_ctx_options o;
  fm_ctx_options_init(&o);
  o.n_threads = n_threads;
  o.blas = FM_BLAS_NEVER; /* the default depends on the machine's BLAS */
  if (n_threads == 0) {
    o.run = run_in_reverse;
    o.n_threads = 5;
  }
  fm_ctx *ctx = NULL;
  ck_assert_int_eq(fm_ctx_create(&o, &ctx), FM_OK);
  return ctx;
}

/* ---- the program ----------------------------------------------------------------------------------- */

/* A suite of one case, whose tests the caller adds. CK_FORK and the other variables of Check are honoured. */
static inline TCase *new_case(Suite **suite, const char *name) {
  TCase *tcase = tcase_create(name);
  tcase_set_timeout(tcase, 600);
  *suite = suite_create(name);
  suite_add_tcase(*suite, tcase);
  return tcase;
}
/* What main returns where the build can't have the tests. */
static inline int skipped(const char *name, const char *why) {
  printf("SKIPPED: %s, because %s\n", name, why);
  return EXIT_SUCCESS;
}
static inline int run_suite(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
static inline int run_tests(const char *name, const TTest *const *tests, size_t n) {
  Suite *suite;
  TCase *tcase = new_case(&suite, name);
  for (size_t i = 0; i < n; i++) tcase_add_test(tcase, tests[i]);
  return run_suite(suite);
}
#endif
