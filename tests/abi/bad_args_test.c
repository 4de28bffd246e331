/* bad_args_test.c - every exported function with every argument made bad in turn: the exact status, a text
   that names the argument, and outputs as they were.

     bad_args_test --list    prints the functions that are covered */
#include "bad_args.h"

#include <stdio.h>
#include <stdlib.h>

good g;
outputs out;
int32_t callback_answer;
bool callback_writes_nan;

const float rows[3 * N] = {1, 2, 3, -1, 0, 1, 2, 4, -3};
const float nan_rows[3 * N] = {1, 2, 3, NAN, 0, 1, 2, 4, -3};
const float infinite_rows[3 * N] = {1, 2, 3, INFINITY, 0, 1, 2, 4, -3};
const double rows64[3 * N] = {1, 2, 3, -1, 0, 1, 2, 4, -3};
const double nan_rows64[3 * N] = {1, 2, 3, NAN, 0, 1, 2, 4, -3};
const double times[N] = {0.25, .5, .75}, nan_times[N] = {0, NAN, 1}, late_times[N] = {0, 1.5, 1};
const int32_t labels[N] = {0, -1, 2}, large_labels[N] = {0, 3, 2}, low_labels[N] = {0, -2, 2};
const float weights[N] = {1, 0, 2}, nan_weights[N] = {1, NAN, 1}, negative_weights[N] = {1, -1, 1};
const uint32_t n_classes[1] = {3}, no_classes[1] = {0};

static const struct {
  const char *name;
  void (*about)(void);
} functions[] = {
#define FUNCTION(name) {#name, about_##name},
#include "bad_args_list.h"
#undef FUNCTION
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

/* ---- callbacks that do as they are told -------------------------------------------------------------- */

static void maybe_nan(double *x) {
  if (callback_writes_nan) *x = NAN;
}

int32_t own_path_fn(void *user, double t, fm_path_coefficients *c) {
  (void)user;
  c->alpha = t;
  c->sigma = 1 - t;
  c->gamma = t * (1 - t); /* eps and conversions notice */
  c->d_alpha = 1;
  c->d_sigma = -1;
  c->d_gamma = 1 - 2 * t;
  if (t == 0.5) maybe_nan(&c->alpha);
  return callback_answer;
}

int32_t own_prior_fn(void *user, const fm_prior_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x0[i] = 1;
  if (r->n > 0) maybe_nan(r->x0);
  return callback_answer;
}

int32_t own_pull(void *user, const fm_pull_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x1[i] = (double)i;
  for (uint64_t i = 0; i < r->n; i++) r->labels[i] = 0;
  for (uint64_t i = 0; i < 2 * r->n; i++) r->cond[i] = 0;
  if (r->n > 0) maybe_nan(r->x1);
  return callback_answer;
}

int32_t own_forward(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->velocity[i] = c->params[0] * c->x[i];
  return callback_answer;
}

int32_t own_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; c->d_x && i < c->n * c->dim; i++) c->d_x[i] = c->params[0] * c->d_velocity[i];
  for (uint64_t i = 0; c->d_params && i < c->n * c->dim; i++) c->d_params[0] += c->x[i] * c->d_velocity[i];
  return callback_answer;
}

int32_t own_init(void *user, uint64_t seed, float *params, size_t n_params) {
  (void)user, (void)seed;
  for (size_t i = 0; i < n_params; i++) params[i] = callback_writes_nan ? NAN : 1;
  return callback_answer;
}

int32_t own_rhs(void *user, const fm_rhs_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->dxdt[i] = 1;
  return callback_answer;
}

int32_t own_trajectory(void *user, const fm_trajectory *t) {
  (void)user, (void)t;
  return callback_answer;
}

int32_t own_progress(void *user, const fm_progress *p) {
  (void)user, (void)p;
  return callback_answer;
}

/* ---- what every call is held to --------------------------------------------------------------------- */

static outputs before;

/* Another text and known outputs, so that a call can be seen to write. */
void prime(void) {
  fm_path *path;
  ck_assert_int_eq(fm_path_create(g.ctx, 987654, &path), FM_E_UNSUPPORTED);
  memset(&out, 0x3c, sizeof out);
  before = out;
}

#define SAY(format, ...) ck_abort_msg("%s:%d: %s: " format, file, line, call, __VA_ARGS__)

static void check_untouched(const char *file, int line, const char *call) {
  if (memcmp(&out, &before, sizeof out) != 0) SAY("%s", "failed and has written to an output");
}

void refused(const char *file, int line, const char *call, fm_status expected, const char *word,
             fm_status status) {
  const char *text = fm_ctx_message(g.ctx);
  if (status != expected)
    SAY("%s (%s), expected %s", fm_status_name(status), status == FM_OK ? "" : text,
        fm_status_name(expected));
  if (strstr(text, "987654") != NULL || text[0] == '\0') SAY("%s without a text", fm_status_name(status));
  if (strstr(text, word) == NULL) SAY("the text is '%s', expected it to name '%s'", text, word);
  check_untouched(file, line, call);
}

void without_ctx(const char *file, int line, const char *call, fm_status status) {
  if (status != FM_E_INVALID) SAY("%s without a context", fm_status_name(status));
  check_untouched(file, line, call);
}

void accepted(const char *file, int line, const char *call, fm_status status) {
  if (status != FM_OK) SAY("%s (%s)", fm_status_name(status), fm_ctx_message(g.ctx));
}

void check_null(const char *file, int line, const char *call, const void *handle) {
  if (handle != NULL) SAY("%s", "failed and has not set *out to NULL");
}

/* ---- good handles ------------------------------------------------------------------------------------ */

static void make_parts(void) {
  FINE(fm_path_create(g.ctx, FM_PATH_CONDOT, &g.path));
  FINE(fm_path_create_custom(g.ctx, own_path_fn, NULL, &g.own_path));
  FINE(fm_prior_create_rows(g.ctx, rows, N, 2, &g.prior));
  FINE(fm_prior_create_rows(g.ctx, rows, N, 3, &g.wide_prior));
  FINE(fm_prior_create_callback(g.ctx, own_prior_fn, NULL, &g.own_prior));
  FINE(fm_normaliser_fit(g.ctx, FM_NORMALISE_COLUMNS, rows, N, 2, &g.normaliser));
  FINE(fm_normaliser_fit(g.ctx, FM_NORMALISE_COLUMNS, rows, N, 3, &g.wide_normaliser));
  const fm_net_options *small = WITH(fm_net_options, .kind = FM_NET_MLP, .width = 4, .depth = 2,
                                     .time_features = 2, .class_features = 2);
  FINE(fm_net_create(g.ctx, 2, n_classes, 1, 2, small, &g.net));
  FINE(fm_net_create(g.ctx, 3, NULL, 0, 0, small, &g.wide_net));
  FINE(fm_net_create_custom(g.ctx, 2, n_classes, 1, 2, 1, own_forward, own_vjp, own_init, NULL, &g.own_net));
  FINE(fm_optimizer_create(g.ctx, NULL, &g.optimizer));
  g.n_params = fm_net_n_params(g.net);
  ck_assert_uint_lt(g.n_params, N_OUT);
  g.params = calloc(N_OUT, sizeof *g.params);
  FINE(fm_net_init(g.ctx, g.net, 1, g.params));
}

static void set_up(void) {
  callback_answer = 0;
  callback_writes_nan = false;
  ck_assert_int_eq(fm_ctx_create(NULL, &g.ctx), FM_OK);
  make_parts();
  FINE(fm_data_create(g.ctx, rows, NULL, labels, rows, NULL, N, 2, 1, 2, NULL, &g.data));
  FINE(fm_data_create(g.ctx, rows, NULL, NULL, NULL, NULL, N, 3, 0, 0, NULL, &g.wide_data));
  FINE(fm_data_create(g.ctx, rows, NULL, NULL, NULL, NULL, N, 2, 0, 0, NULL, &g.plain_data));
  FINE(fm_data_create_pull(g.ctx, own_pull, NULL, 2, 1, 2, 0, &g.stream));
  FINE(fm_model_create(g.ctx, g.net, g.params, NULL, NULL, NULL, NULL, NULL, &g.model));
  FINE(fm_model_create(g.ctx, g.wide_net, g.params, NULL, NULL, NULL, NULL, NULL, &g.wide_model));
  FINE(fm_model_create(g.ctx, g.own_net, g.params, NULL, NULL, NULL, NULL, NULL, &g.own_model));
  FINE(fm_trainer_create(g.ctx, g.net, NULL, NULL, NULL, NULL, NULL, NULL,
                         WITH(fm_trainer_options, .batch = N, .progress = own_progress), &g.trainer));
  FINE(fm_solver_create(g.ctx, 2, NULL, &g.solver));
  FINE(fm_sampler_create(g.ctx, g.model, NULL, NULL, &g.sampler));
}

static void tear_down(void) {
  fm_ctx_destroy(g.ctx); /* first: handles outlive it */
  fm_path_destroy(g.path);
  fm_path_destroy(g.own_path);
  fm_prior_destroy(g.prior);
  fm_prior_destroy(g.wide_prior);
  fm_prior_destroy(g.own_prior);
  fm_normaliser_destroy(g.normaliser);
  fm_normaliser_destroy(g.wide_normaliser);
  fm_net_destroy(g.net);
  fm_net_destroy(g.wide_net);
  fm_net_destroy(g.own_net);
  fm_optimizer_destroy(g.optimizer);
  fm_data_destroy(g.data);
  fm_data_destroy(g.wide_data);
  fm_data_destroy(g.plain_data);
  fm_data_destroy(g.stream);
  fm_model_destroy(g.model);
  fm_model_destroy(g.wide_model);
  fm_model_destroy(g.own_model);
  fm_trainer_destroy(g.trainer);
  fm_solver_destroy(g.solver);
  fm_sampler_destroy(g.sampler);
  free(g.params);
  g = (good){0};
}

START_TEST(function) { functions[_i].about(); }
END_TEST

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (size_t i = 0; i < N_FUNCTIONS; i++) puts(functions[i].name);
    return EXIT_SUCCESS;
  }
  Suite *suite = suite_create("bad arguments");
  TCase *tcase = tcase_create("every function");
  tcase_add_checked_fixture(tcase, set_up, tear_down);
  tcase_add_loop_test(tcase, function, 0, N_FUNCTIONS);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
