/* guest.c - what the scenarios do to the host: nothing. After every call of every scenario the host's signal
   handlers and masks, floating-point control, locale, files, environment, limits and the threads of its BLAS
   are what they were, with threads of the context's own, the host's executor and neither, in hosts of several
   habits. And nothing is printed. */
#define _GNU_SOURCE /* feenableexcept */
#include "guest.h"

#include "host_state.h"

#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- hosts ------------------------------------------------------------------------------------------ */

static volatile sig_atomic_t n_signals;

static void on_signal(int number) {
  (void)number;
  n_signals++;
}

static void plain(void) {}

/* A simulation with interval arithmetic, or one that was compiled with -ffast-math. */
static void rounds_upward(void) {
  fesetround(FE_UPWARD);
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u); /* flush to zero, denormals are zero */
#endif
}

/* A Fortran program compiled with -ffpe-trap=invalid,zero,overflow. */
static void traps_faults(void) {
#if defined(__GLIBC__)
  feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
#endif
}

/* A server: handlers for everything it may handle, some signals blocked, a stack and a mask of its own. */
static void handles_signals(void) {
  static char stack[1u << 16];
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  sigaddset(&action.sa_mask, SIGUSR2);
  static const int handled[] = {SIGHUP,  SIGINT,  SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2,
                                SIGCHLD, SIGPROF, SIGXFSZ, SIGURG,  SIGWINCH};
  for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) sigaction(handled[i], &action, NULL);
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

/* Writes 0,5 for 0.5, as most of the world does; FM_TEST_LOCALE names a locale that does, if there is one. */
static void writes_commas(void) {
  const char *name = getenv("FM_TEST_LOCALE");
  if (name == NULL) return;
  ck_assert_msg(setlocale(LC_ALL, name) != NULL, "FM_TEST_LOCALE names %s, which is not there", name);
  ck_assert_str_eq(localeconv()->decimal_point, ",");
}

static void (*const hosts[])(void) = {plain, handles_signals, rounds_upward, traps_faults, writes_commas};
enum { N_HOSTS = sizeof hosts / sizeof *hosts };

/* Under FM_TEST_QUICK the first two: valgrind has neither traps nor flush to zero. */
static int hosts_played(void) {
  const char *text = getenv("FM_TEST_QUICK");
  return text != NULL && text[0] != '\0' && strcmp(text, "0") != 0 ? 2 : N_HOSTS;
}

/* ---- the executor of a host, on the calling thread, last task first ------------------------------------ */

static int32_t run_reversed(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  (void)user;
  while (n-- > 0) task(arg, n);
  return 0;
}

/* ---- every call --------------------------------------------------------------------------------------- */

static host_state at_first;

static void compare(const char *call) {
  host_state now;
  host_state_get(&now);
  const char *difference = host_state_difference(&at_first, &now);
  /* A message of the test itself must not depend on what is wrong. */
  if (difference != NULL) setlocale(LC_ALL, "C");
  ck_assert_msg(difference == NULL, "%s: changes %s", call, difference);
}

/* From here on standard output and error are this file. */
static FILE *catch_output(void) {
  FILE *caught = tmpfile();
  ck_assert_ptr_nonnull(caught);
  fflush(NULL);
  ck_assert_int_ge(dup2(fileno(caught), STDOUT_FILENO), 0);
  ck_assert_int_ge(dup2(fileno(caught), STDERR_FILENO), 0);
  return caught;
}

static void play_watched(scenario_fn scenario, fm_ctx_options *o) {
  fm_ctx *ctx;
  host_state_get(&at_first);
  fm_status status = fm_ctx_create(o, &ctx);
  compare("fm_ctx_create");
  ck_assert_int_eq(status, FM_OK);
  after_call = compare;
  status = scenario(ctx);
  after_call = NULL;
  compare("what ends the scenario");
  ck_assert_int_eq(status, FM_OK);
  fm_ctx_destroy(ctx);
  compare("fm_ctx_destroy");
}

/* What only asks, and so is in no scenario of a failing allocator. */
static fm_status ask_everything(fm_ctx *ctx) {
  static const float zero[MOST_PARAMS];
  fm_status status;
  fm_net *net = NULL;
  fm_path *path = NULL;
  fm_optimizer *optimizer = NULL;
  fm_data *data = NULL;
  fm_model *model = NULL;
  fm_trainer *trainer = NULL;
  const fm_net_options o = small_net(FM_NET_MLP);
  const double params[] = {.25, 15.5};
  double got[2];
  MAKE(net, fm_net_create(ctx, 2, n_classes, 1, 2, &o, &net));
  MAKE(path, fm_path_create_with(ctx, FM_PATH_VP, params, 2, &path));
  MAKE(optimizer, fm_optimizer_create(ctx, NULL, &optimizer));
  MAKE(data, fm_data_create(ctx, rows_f32, NULL, labels, conds, NULL, N_ROWS, 2, 1, 2, NULL, &data));
  MAKE(model, fm_model_create(ctx, net, zero, NULL, path, NULL, NULL, NULL, &model));
  MAKE(trainer, fm_trainer_create(ctx, net, path, NULL, NULL, NULL, optimizer, NULL, NULL, &trainer));
#define ASK(question)                                                                                        \
  do {                                                                                                       \
    ck_assert(question);                                                                                     \
    compare(#question);                                                                                      \
  } while (0)
  ASK(fm_version() > 0 && fm_version_string() != NULL && fm_ctx_message(ctx) != NULL);
  ASK(fm_status_name(FM_E_FORKED) != NULL);
  ASK(fm_path_kind(path) == FM_PATH_VP && fm_path_name(path) != NULL && fm_path_params(path, got, 2) == 2);
  ASK(fm_net_dim(net) == 2 && fm_net_cond_dim(net) == 2 && fm_net_n_class_columns(net) == 1);
  ASK(fm_net_n_times(net) == 1);
  ASK(fm_net_n_classes(net, 0) == 3 && fm_net_n_params(net) > 0);
  ASK(fm_optimizer_rate(optimizer, 7) > 0 && fm_optimizer_state_count(optimizer, 7) > 0);
  ASK(fm_data_n(data) == N_ROWS && fm_data_dim(data) == 2 && fm_data_cond_dim(data) == 2);
  ASK(fm_data_n_class_columns(data) == 1 && fm_data_mask_column(data, 0) == 0);
  ASK(fm_model_net(model) == net && fm_model_path(model) != NULL && fm_model_train_steps(model) == 0);
  ASK(fm_prior_kind(fm_model_prior(model)) == FM_PRIOR_GAUSSIAN && fm_model_note(model, "units") == NULL);
  ASK(fm_normaliser_dim(fm_model_normaliser(model)) == 2);
  ASK(fm_trainer_steps(trainer) == 0 && fm_trainer_skipped(trainer) == 0 &&
      fm_trainer_coupling_misses(trainer) == 0);
  fm_ctx_stop(ctx);
  compare("fm_ctx_stop");
end:
  fm_trainer_destroy(trainer);
  fm_model_destroy(model);
  fm_data_destroy(data);
  fm_optimizer_destroy(optimizer);
  fm_path_destroy(path);
  fm_net_destroy(net);
  return status;
}

/* Test _i: a scenario in one of the hosts. */
START_TEST(every_call_leaves_the_host_as_it_was) {
  const int n = hosts_played();
  scenario_fn scenario = _i / n < n_scenarios ? scenarios[_i / n] : ask_everything;
  const int in = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
  FILE *caught = catch_output();
  hosts[_i % n]();
  for (uint32_t n_threads = 1; n_threads <= 3; n_threads++) {
    allocator_init(&host);
    fm_ctx_options o = allocator_options(&host, n_threads == 2 ? 3 : n_threads);
    if (n_threads == 3) o.run = run_reversed;
    play_watched(scenario, &o);
  }
  fflush(NULL);
  const off_t printed = lseek(fileno(caught), 0, SEEK_END);
  dup2(in, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  close(in);
  close(err);
  fclose(caught);
  ck_assert_msg(printed == 0, "%ld bytes were printed", (long)printed);
}
END_TEST

/* That the comparison sees what it is there for. */
static void round_down(void) { fesetround(FE_DOWNWARD); }
static void ignore_a_signal(void) { signal(SIGUSR1, SIG_IGN); }
static void block_a_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}
static void leave_a_file(void) { ck_assert_int_ge(dup(0), 0); }
static void set_a_variable(void) { setenv("FM_TEST_VARIABLE", "1", 1); }
static void change_folder(void) { ck_assert_int_eq(chdir("/"), 0); }
static void take_a_locale(void) { uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); }
static void lower_a_limit(void) { setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); }
static void flush_to_zero(void) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8000u);
#else
  round_down();
#endif
}

START_TEST(a_guest_that_misbehaves_is_seen) {
  static void (*const deeds[])(void) = {round_down,    ignore_a_signal, block_a_signal,
                                        leave_a_file,  set_a_variable,  change_folder,
                                        take_a_locale, lower_a_limit,   flush_to_zero};
  host_state before, after;
  /* So that there is something to lower. */
  struct rlimit core = {0, 0};
  getrlimit(RLIMIT_CORE, &core);
  for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
    if (deeds[i] == lower_a_limit && core.rlim_max == 0) continue;
    if (deeds[i] == flush_to_zero && hosts_played() < N_HOSTS) continue;
    if (deeds[i] == lower_a_limit) setrlimit(RLIMIT_CORE, &(struct rlimit){1, core.rlim_max});
    host_state_get(&before);
    deeds[i]();
    host_state_get(&after);
    ck_assert_msg(host_state_difference(&before, &after) != NULL, "deed %zu is not seen", i);
    fesetenv(FE_DFL_ENV);
  }
}
END_TEST

TCase *guest_tests(void) {
  TCase *tcase = tcase_create("guest");
  tcase_set_timeout(tcase, 120);
  tcase_add_test(tcase, a_guest_that_misbehaves_is_seen);
  tcase_add_loop_test(tcase, every_call_leaves_the_host_as_it_was, 0, (n_scenarios + 1) * hosts_played());
  return tcase;
}
