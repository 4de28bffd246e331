/* oom_test.c - a host whose allocator fails. For every k the k-th allocation of a scenario returns NULL,
   alone or with all that follow. Then the call that needed it says FM_E_NOMEM with a text and makes nothing,
   everything that was allocated comes back, and the same context does the whole scenario once memory is
   there again. */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

allocator host;
char folder[64];
void (*after_call)(const char *call);

const float rows_f32[2 * N_ROWS] = {1, 2, 3, -1, 0, 1, 2, 4, -3, 2, 1, 1, 0, -2, 5, 1, 2, 2};
const double rows_f64[2 * N_ROWS] = {1, 2, 3, -1, 0, 1, 2, 4, -3, 2, 1, 1, 0, -2, 5, 1, 2, 2};
const float conds[2 * N_ROWS] = {1, 0, 0, 1, 1, 1, 0, 0, 2, 1, 1, 2, 3, 1, 0, 2, 1, 0};
const float weights[N_ROWS] = {1, 1, 2, 1, 0, 1, 1, .5f, 1};
const double times[N_ROWS] = {0, .1, .2, .3, .5, .6, .7, .9, 1};
const int32_t labels[N_ROWS] = {0, 1, 2, -1, 0, 1, 2, 2, 1};
const uint32_t n_classes[1] = {3};

fm_net_options small_net(uint32_t kind) {
  fm_net_options o;
  fm_net_options_init(&o);
  o.kind = kind;
  o.width = 4;
  o.depth = 2;
  o.time_features = 4;
  o.class_features = 3;
  o.dropout = .25;
  return o;
}

fm_trainer_options small_trainer(void) {
  fm_trainer_options o;
  fm_trainer_options_init(&o);
  o.batch = N_ROWS;
  o.publish_every = 1;
  o.n_snapshots = 2;
  o.time_sampling = FM_TIME_U_SHAPE;
  o.loss_weight = FM_WEIGHT_COSMAP;
  return o;
}

const char *in_folder(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

size_t read_file(const char *path, void *bytes, size_t most) {
  FILE *stream = fopen(path, "rb");
  ck_assert_ptr_nonnull(stream);
  size_t n = fread(bytes, 1, most, stream);
  fclose(stream);
  ck_assert_uint_lt(n, most);
  return n;
}

/* ---- what every call is held to ------------------------------------------------------------------ */

fm_status judged(fm_ctx *ctx, const char *call, size_t failed_before, fm_status status) {
  if (after_call != NULL) after_call(call);
  if (host.n_failed == failed_before) {
    ck_assert_msg(status == FM_OK, "%s: %s (%s) though memory was there", call, fm_status_name(status),
                  fm_ctx_message(ctx));
    return status;
  }
  ck_assert_msg(status == FM_E_NOMEM, "%s: allocation %zu failed, the call says %s (%s)", call, host.fail_at,
                fm_status_name(status), fm_ctx_message(ctx));
  ck_assert_msg(fm_ctx_message(ctx)[0] != '\0', "%s: allocation %zu failed, there is no text", call,
                host.fail_at);
  return status;
}

fm_status frugal(fm_ctx *ctx, const char *call, size_t calls_before, fm_status status) {
  if (after_call != NULL) after_call(call);
  ck_assert_msg(status == FM_OK, "%s: %s (%s)", call, fm_status_name(status), fm_ctx_message(ctx));
  ck_assert_msg(host.n_calls == calls_before, "%s: allocates", call);
  return status;
}

void not_made(const char *call, const void *handle) {
  ck_assert_msg(handle == NULL, "%s: failed and left a handle", call);
}

/* ---- the k-th allocation of a scenario ------------------------------------------------------------- */

/* Plays the scenario once; whether an allocation failed. */
static bool play(scenario_fn scenario, fm_ctx *ctx, size_t k, bool and_later) {
  size_t before = host.n_live;
  allocator_arm(&host, k, and_later);
  fm_status status = scenario(ctx);
  bool failed = host.n_failed > 0;
  allocator_heal(&host);
  ck_assert_msg(status == (failed ? FM_E_NOMEM : FM_OK),
                "allocation %zu failed %s: the scenario ends with %s", k, failed ? "" : "not",
                fm_status_name(status));
  ck_assert_msg(host.n_live == before, "allocation %zu failed: %zu blocks are lost", k, host.n_live - before);
  ck_assert_msg(host.n_strange == 0, "allocation %zu: %zu calls of the allocator are not as promised", k,
                host.n_strange);
  return failed;
}

/* 1: every allocation fails in its turn. More, for where that takes too long: every so manieth. */
static size_t stride(void) {
  const char *text = getenv("FM_TEST_STRIDE");
  const long every = text != NULL ? strtol(text, NULL, 10) : 0;
  return every > 1 ? (size_t)every : 1;
}

static void fail_every_allocation(scenario_fn scenario, uint32_t n_threads, bool and_later) {
  allocator_init(&host);
  fm_ctx_options o = allocator_options(&host, n_threads);
  bool failed = true;
  for (size_t k = 1; failed; k += stride()) {
    ck_assert_msg(k < 10000, "the scenario doesn't come to an end");
    fm_ctx *ctx;
    ck_assert_int_eq(fm_ctx_create(&o, &ctx), FM_OK);
    failed = play(scenario, ctx, k, and_later);
    if (failed) ck_assert(!play(scenario, ctx, 0, false));
    fm_ctx_destroy(ctx);
    ck_assert_msg(host.n_live == 0, "allocation %zu failed: the context keeps %zu blocks", k, host.n_live);
    ck_assert_msg(k > 1 || failed, "the scenario allocates nothing");
  }
}

const scenario_fn scenarios[] = {
    scenario_small_handles, scenario_nets,        scenario_custom_net, scenario_data,     scenario_files,
    scenario_models,        scenario_model_files, scenario_trainer,    scenario_evaluate, scenario_rules,
    scenario_checkpoints,   scenario_solvers,     scenario_samplers,   scenario_fit,      scenario_mean_flow,
    scenario_priors,        scenario_couplings,   scenario_densities,
};
enum { N_SCENARIOS = sizeof scenarios / sizeof *scenarios };
const int n_scenarios = N_SCENARIOS;

START_TEST(one_allocation_fails) { fail_every_allocation(scenarios[_i], 1, false); }
END_TEST
START_TEST(all_fail_from_one_on) { fail_every_allocation(scenarios[_i], 1, true); }
END_TEST
START_TEST(with_threads) { fail_every_allocation(scenarios[_i], 2, false); }
END_TEST

/* Creating the context itself: there is no text yet, and nothing is left. */
START_TEST(contexts) {
  for (uint32_t n_threads = 1; n_threads <= 3; n_threads++) {
    allocator_init(&host);
    fm_ctx_options o = allocator_options(&host, n_threads);
    for (size_t k = 1;; k++) {
      fm_ctx *ctx = (fm_ctx *)(uintptr_t)&host;
      allocator_arm(&host, k, false);
      fm_status status = fm_ctx_create(&o, &ctx);
      if (host.n_failed == 0) {
        ck_assert_int_eq(status, FM_OK);
        ck_assert_uint_gt(k, 1);
        fm_ctx_destroy(ctx);
        ck_assert_uint_eq(host.n_live, 0);
        break;
      }
      ck_assert_int_eq(status, FM_E_NOMEM);
      ck_assert_ptr_null(ctx);
      ck_assert_uint_eq(host.n_live, 0);
    }
    ck_assert_uint_eq(host.n_strange, 0);
  }
}
END_TEST

/* Sizes that no machine has: refused before or by the allocator, never wrapped around. */
START_TEST(impossible_sizes) {
  allocator_init(&host);
  fm_ctx_options o = allocator_options(&host, 1);
  fm_ctx *ctx;
  ck_assert_int_eq(fm_ctx_create(&o, &ctx), FM_OK);
  fm_net_options huge;
  fm_net_options_init(&huge);
  huge.width = 1u << 20;
  huge.depth = 4096;
  fm_net *net = NULL;
  fm_status status = fm_net_create(ctx, UINT32_MAX, NULL, 0, UINT32_MAX, &huge, &net);
  if (status == FM_OK) { /* an architecture is small, its weights are not */
    fm_trainer *trainer = NULL;
    ck_assert_int_eq(fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &trainer),
                     FM_E_NOMEM);
    ck_assert_ptr_null(trainer);
    ck_assert_str_ne(fm_ctx_message(ctx), "");
  } else {
    ck_assert_int_eq(status, FM_E_NOMEM);
  }
  fm_net_destroy(net);
  fm_solver *solver = NULL;
  ck_assert_int_eq(fm_solver_create(ctx, SIZE_MAX / 16, NULL, &solver), FM_E_NOMEM);
  ck_assert_ptr_null(solver);
  fm_ctx_destroy(ctx);
  ck_assert_uint_eq(host.n_live, 0);
}
END_TEST

static void make_folder(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.40s/flowmatch-XXXXXX", base && strlen(base) <= 40 ? base : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* An aborted write leaves no temporary behind, or the folder could not be removed. */
static void remove_folder(void) {
  unlink(in_folder("model"));
  unlink(in_folder("checkpoint"));
  unlink(in_folder("rows.npy"));
  ck_assert_msg(rmdir(folder) == 0, "files are left in %s", folder);
}

int main(void) {
  Suite *suite = suite_create("oom");
  TCase *tcase = tcase_create("oom");
  tcase_set_timeout(tcase, 120);
  tcase_add_checked_fixture(tcase, make_folder, remove_folder);
  tcase_add_test(tcase, contexts);
  tcase_add_test(tcase, impossible_sizes);
  tcase_add_loop_test(tcase, one_allocation_fails, 0, N_SCENARIOS);
  tcase_add_loop_test(tcase, all_fail_from_one_on, 0, N_SCENARIOS);
  tcase_add_loop_test(tcase, with_threads, 0, N_SCENARIOS);
  suite_add_tcase(suite, tcase);
  tcase = guest_tests();
  tcase_add_checked_fixture(tcase, make_folder, remove_folder);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
