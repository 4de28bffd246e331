/* bad_args.h - how a test says that a call refuses an argument. Expressions of the calls under test stand in
   the macros, so that a failure shows them. */
#ifndef FM_TESTS_BAD_ARGS_H
#define FM_TESTS_BAD_ARGS_H

#include "flowmatch_eval.h"
#include "flowmatch_guide.h"
#include "flowmatch_parts.h"
#include "flowmatch_reflow.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>

#define FUNCTION(name) void about_##name(void);
#include "bad_args_list.h"
#undef FUNCTION
/* The test of one function. */
#define ABOUT(name) void about_##name(void)

/* Good handles, made afresh for every function: nets of two columns with one class column of three and a
   condition vector of two; what is `wide` has three columns; what is `own` is made of callbacks. */
typedef struct good {
  fm_ctx *ctx;
  fm_path *path, *own_path;
  fm_prior *prior, *wide_prior, *own_prior;
  fm_normaliser *normaliser, *wide_normaliser;
  fm_net *net, *wide_net, *own_net;
  fm_optimizer *optimizer;
  fm_data *data, *wide_data, *plain_data, *stream;
  fm_model *model, *wide_model, *own_model;
  fm_trainer *trainer;
  fm_solver *solver;
  fm_sampler *sampler;
  size_t n_params;
  float *params;
} good;
extern good g;

/* Good rows, three of them. Copies in which the middle row's second column is bad. */
#define N 3u
#define HUGE_N (SIZE_MAX / 4)
extern const float rows[3 * N], nan_rows[3 * N], infinite_rows[3 * N];
extern const double rows64[3 * N], nan_rows64[3 * N], times[N], nan_times[N], late_times[N];
extern const int32_t labels[N], large_labels[N], low_labels[N];
extern const float weights[N], nan_weights[N], negative_weights[N];
extern const uint32_t n_classes[1], no_classes[1];
#define AT_ROW_1_COLUMN_1 "row 1, column 1"

/* Where calls write. A call that fails must leave it as it was. */
#define N_OUT 4096u
typedef struct outputs {
  float f32[2][N_OUT];
  double f64[2][N_OUT];
  double scalar;
  uint64_t shape[3];
  size_t offset;
  const char *name;
} outputs;
extern outputs out;

/* What the callbacks of the fixture return, and whether they write NaN. */
extern int32_t callback_answer;
extern bool callback_writes_nan;
int32_t own_rhs(void *user, const fm_rhs_call *c);
int32_t own_trajectory(void *user, const fm_trajectory *t);
int32_t own_pull(void *user, const fm_pull_request *r);
int32_t own_prior_fn(void *user, const fm_prior_request *r);
int32_t own_path_fn(void *user, double t, fm_path_coefficients *c);
int32_t own_forward(void *user, const fm_net_call *c);
int32_t own_vjp(void *user, const fm_net_call *c);
int32_t own_init(void *user, uint64_t seed, float *params, size_t n_params);
int32_t own_progress(void *user, const fm_progress *p);

void prime(void);
void refused(const char *file, int line, const char *call, fm_status expected, const char *word,
             fm_status status);
void accepted(const char *file, int line, const char *call, fm_status status);
void without_ctx(const char *file, int line, const char *call, fm_status status);
void check_null(const char *file, int line, const char *call, const void *handle);

/* The call returns `expected`, the text holds `word`, no output is touched. */
#define REFUSED(expected, word, ...)                                                                         \
  do {                                                                                                       \
    prime();                                                                                                 \
    refused(__FILE__, __LINE__, #__VA_ARGS__, expected, word, (__VA_ARGS__));                                \
  } while (0)
/* A creating call with &made as its output, which becomes NULL. */
#define NOT_MADE(type, expected, word, ...)                                                                  \
  do {                                                                                                       \
    type *made = (type *)(uintptr_t)&out;                                                                    \
    REFUSED(expected, word, __VA_ARGS__);                                                                    \
    check_null(__FILE__, __LINE__, #__VA_ARGS__, made);                                                      \
  } while (0)
/* ctx is NULL: there is no place for a text. */
#define NO_CTX(...)                                                                                          \
  do {                                                                                                       \
    prime();                                                                                                 \
    without_ctx(__FILE__, __LINE__, #__VA_ARGS__, (__VA_ARGS__));                                            \
  } while (0)
#define NO_CTX_MADE(type, ...)                                                                               \
  do {                                                                                                       \
    type *made = (type *)(uintptr_t)&out;                                                                    \
    NO_CTX(__VA_ARGS__);                                                                                     \
    check_null(__FILE__, __LINE__, #__VA_ARGS__, made);                                                      \
  } while (0)
/* The call is fine. */
#define FINE(...) accepted(__FILE__, __LINE__, #__VA_ARGS__, (__VA_ARGS__))

/* An options struct with the given fields, as a pointer. */
#define WITH(type, ...) (&(type){.struct_size = sizeof(type), __VA_ARGS__})
/* A struct that is longer than ours: with and without something in the part that nobody knows here. */
#define LONGER(type, tail_value)                                                                             \
  ((const type *)(const void *)&(struct {                                                                    \
    type known;                                                                                              \
    uint64_t tail;                                                                                           \
  }){.known = {.struct_size = sizeof(type) + sizeof(uint64_t)}, .tail = (tail_value)})
/* The three things that a struct_size can do to a call that takes `options` where OPTIONS stands. */
#define BAD_SIZES(made_type, type, make)                                                                     \
  do {                                                                                                       \
    const type *options = &(type){.struct_size = 0};                                                         \
    NOT_MADE(made_type, FM_E_INVALID, #type ".struct_size", make);                                           \
    options = &(type){.struct_size = 1u << 20};                                                              \
    NOT_MADE(made_type, FM_E_INVALID, #type ".struct_size", make);                                           \
    options = LONGER(type, 1);                                                                               \
    NOT_MADE(made_type, FM_E_UNSUPPORTED, #type, make);                                                      \
    made_type *made = NULL;                                                                                  \
    options = LONGER(type, 0);                                                                               \
    FINE(make);                                                                                              \
    made_type##_destroy(made);                                                                               \
    made = NULL;                                                                                             \
    options = &(type){.struct_size = sizeof(uint64_t)};                                                      \
    FINE(make);                                                                                              \
    made_type##_destroy(made);                                                                               \
  } while (0)

#endif
