/* guest_process_test.c - the host's process: a forked child can't use the threads it doesn't have and is told
   so, while all that needs none goes on with the same bits; what was locked in the parent locks nobody out;
   numbers are written and read with a point in every locale. */
#include "train_fixture.h"

#include <locale.h>
#include <pthread.h>
#include <sys/wait.h>

static problem p;

/* Tools that can't follow a fork say CK_FORK=no. */
static bool may_fork(void) {
  const char *mode = getenv("CK_FORK");
  return mode == NULL || strcmp(mode, "no") != 0;
}

/* Runs body in a child, which has a minute, and checks that it returns 0. There are no assertions in a child,
   whose lock, in Check, another thread of the parent may have: it says what it saw by its exit code, a line number. */
static void in_child(int (*body)(void *user), void *user) {
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body(user));
  }
  int status = 0;
  ck_assert_int_ge(child, 0);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status), "the child was ended by signal %d", WTERMSIG(status));
  ck_assert_msg(WEXITSTATUS(status) == 0, "the child failed (line %d modulo 256)", WEXITSTATUS(status));
}
#define EXPECT(condition)                                                                                    \
  do {                                                                                                       \
    if (!(condition)) return __LINE__ % 256 != 0 ? __LINE__ % 256 : 255;                                     \
  } while (0)

/* ---- forked children ---------------------------------------------------------------------------------- */

enum { N_DRAWN = 60, N_RIGHT = 3 };

typedef struct parent {
  kit kit; /* in a context with threads */
  fm_ctx *serial;
  fm_model *model;
  fm_sampler *sampler;
  float drawn[N_DRAWN][DIM];
  kit right; /* as the trainer is three steps later */
} parent;

static parent new_parent(void) {
  parent q = {.serial = new_ctx(1)};
  fm_ctx *ctx = new_ctx(3);
  q.kit = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){.publish_every = 1});
  q.right = new_kit(q.serial, &p, (fm_net_options){0}, (fm_trainer_options){.publish_every = 1});
  OK(fm_trainer_run(ctx, q.kit.trainer, q.kit.data, 2));
  OK(fm_trainer_run(q.serial, q.right.trainer, q.right.data, 2 + N_RIGHT));
  OK(fm_trainer_model(ctx, q.kit.trainer, &q.model));
  OK(fm_sampler_create(ctx, q.model, NULL, NULL, &q.sampler));
  OK(fm_sampler_draw(ctx, q.sampler, 4, 0, NULL, NULL, N_DRAWN, q.drawn[0]));
  return q;
}

static void free_parent(parent *q) {
  fm_ctx_destroy(q->kit.ctx), fm_ctx_destroy(q->serial);
  free_kit(&q->kit), free_kit(&q->right);
  fm_sampler_destroy(q->sampler);
  fm_model_destroy(q->model);
}

static int refused_in_child(void *user) {
  parent *q = user;
  fm_ctx *ctx = q->kit.ctx;
  float out[N_DRAWN][DIM];
  double x[N_DRAWN][DIM] = {{0}}, loss;
  fm_model *made = NULL;
  const fm_trainer *t = q->kit.trainer;
  const double before = t->mean_loss;
  EXPECT(step_on(&q->kit, &p, NULL, 0, BATCH, NULL) == FM_E_FORKED);
  EXPECT(strstr(fm_ctx_message(ctx), "fork") != NULL);
  EXPECT(fm_trainer_run(ctx, q->kit.trainer, q->kit.data, 9) == FM_E_FORKED);
  EXPECT(fm_trainer_evaluate(ctx, q->kit.trainer, q->kit.data, 1, 0, &loss) == FM_E_FORKED);
  EXPECT(fm_model_evaluate(ctx, q->model, q->kit.data, 1, 0, &loss) == FM_E_FORKED);
  EXPECT(fm_fit(ctx, q->kit.data, NULL, NULL, NULL, NULL, NULL, &made) == FM_E_FORKED && made == NULL);
  EXPECT(fm_sampler_draw(ctx, q->sampler, 4, 0, NULL, NULL, N_DRAWN, out[0]) == FM_E_FORKED);
  EXPECT(fm_sampler_draw(ctx, q->sampler, 4, 0, NULL, NULL, 1, out[0]) == FM_E_FORKED);
  EXPECT(fm_sampler_transport(ctx, q->sampler, 1, 0, NULL, NULL, N_DRAWN, x[0], NULL, NULL, NULL) ==
         FM_E_FORKED);
  EXPECT(fm_sample(ctx, q->model, 4, 0, NULL, NULL, N_DRAWN, out[0]) == FM_E_FORKED);
  /* Nothing moved. */
  EXPECT(fm_trainer_steps(t) == 2 && memcmp(&t->mean_loss, &before, sizeof before) == 0);
  free_parent(q);
  return 0;
}

/* With a context that has no threads, or one of the child's own, the same handles go on. */
static int goes_on_in_child(void *user) {
  parent *q = user;
  float out[N_DRAWN][DIM];
  fm_model *latest = NULL;
  EXPECT(fm_sampler_draw(q->serial, q->sampler, 4, 0, NULL, NULL, N_DRAWN, out[0]) == FM_OK);
  EXPECT(memcmp(out, q->drawn, sizeof out) == 0);
  fm_ctx_destroy(q->kit.ctx);
#if !defined(__SANITIZE_THREAD__) /* which has no threads in children of processes with threads */
  const fm_ctx_options o = {.struct_size = sizeof o, .n_threads = 2, .blas = FM_BLAS_NEVER};
  EXPECT(fm_ctx_create(&o, &q->kit.ctx) == FM_OK);
#else
  EXPECT(fm_ctx_create(NULL, &q->kit.ctx) == FM_OK);
#endif
  EXPECT(fm_trainer_run(q->kit.ctx, q->kit.trainer, q->kit.data, 2 + N_RIGHT) == FM_OK);
  EXPECT(memcmp(q->kit.trainer->params, q->right.trainer->params, q->kit.net->n_params * sizeof(real)) == 0);
  EXPECT(fm_trainer_latest(q->kit.ctx, q->kit.trainer, &latest) == FM_OK);
  EXPECT(fm_model_train_steps(latest) == 2 + N_RIGHT);
  fm_model_destroy(latest);
  free_parent(q);
  return 0;
}

START_TEST(forked_children_are_refused) {
  if (!may_fork()) return;
  parent q = new_parent();
  in_child(refused_in_child, &q);
  in_child(goes_on_in_child, &q);
  /* And the parent never noticed. */
  fm_ctx *ctx = q.kit.ctx;
  OK(fm_trainer_run(ctx, q.kit.trainer, q.kit.data, 2 + N_RIGHT));
  SAME(q.kit.trainer->params, q.right.trainer->params, q.kit.net->n_params);
  free_parent(&q);
}
END_TEST

/* ---- a fork while another thread is in the library ------------------------------------------------------- */

typedef struct busy {
  const fm_trainer *trainer;
  atomic_bool quit;
  atomic_size_t rounds;
} busy;

static void *take_snapshots(void *argument) {
  busy *b = argument;
  fm_ctx *ctx = new_ctx(1);
  while (!atomic_load(&b->quit)) {
    fm_model *model;
    HOLDS(fm_trainer_latest(ctx, b->trainer, &model) == FM_OK, "%s", fm_ctx_message(ctx));
    fm_model_destroy(model);
    atomic_fetch_add(&b->rounds, 1);
  }
  fm_ctx_destroy(ctx);
  return NULL;
}

static int takes_and_publishes(void *user) {
  kit *k = user;
  fm_model *latest = NULL;
  EXPECT(fm_trainer_latest(k->ctx, k->trainer, &latest) == FM_OK);
  EXPECT(fm_trainer_publish(k->ctx, k->trainer) == FM_OK);
  fm_model_destroy(latest);
  EXPECT(fm_trainer_latest(k->ctx, k->trainer, &latest) == FM_OK);
  fm_model_destroy(latest);
  fm_trainer_destroy(k->trainer);
  return 0;
}

/* The lock of the latest snapshot may have been held, by a thread that the child doesn't have. */
START_TEST(a_lock_of_the_parent_does_not_hold_the_child) {
  if (!may_fork()) return;
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  OK(fm_trainer_publish(ctx, k.trainer));
  busy b = {.trainer = k.trainer};
  pthread_t thread;
  ck_assert_int_eq(pthread_create(&thread, NULL, take_snapshots, &b), 0);
  while (atomic_load(&b.rounds) == 0) {
  }
  for (int i = 0; i < (quick() ? 10 : 150); i++) in_child(takes_and_publishes, &k);
  atomic_store(&b.quit, true);
  pthread_join(thread, NULL);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- locales ---------------------------------------------------------------------------------------------- */

static size_t bytes_of(const char *file, char *bytes, size_t most) {
  FILE *f = fopen(file, "rb");
  ck_assert_ptr_nonnull(f);
  const size_t n = fread(bytes, 1, most, f);
  fclose(f);
  ck_assert_uint_lt(n, most);
  return n;
}

/* A model whose numbers are in its metadata, saved and loaded; the parameters of its path come back. */
static size_t save_and_load(fm_ctx *ctx, const char *file, char *bytes, size_t most, double params[2]) {
  static const float zero[8192];
  fm_net *net;
  fm_path *path;
  fm_model *model, *loaded;
  const fm_net_options o = {.struct_size = sizeof o, .width = 4, .depth = 1, .dropout = .25};
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &o, &net));
  ck_assert_uint_le(fm_net_n_params(net), 8192);
  OK(fm_path_create_named(ctx, "vp:0.25:15.5", &path));
  OK(fm_model_create(ctx, net, zero, NULL, path, NULL, NULL, NULL, &model));
  OK(fm_model_save(ctx, model, file));
  const size_t n = bytes_of(file, bytes, most);
  OK(fm_model_load(ctx, file, &loaded));
  ck_assert_uint_eq(fm_path_params(fm_model_path(loaded), params, 2), 2);
  fm_path *comma = NULL;
  FAILS(FM_E_INVALID, "", fm_path_create_named(ctx, "vp:0,25:15,5", &comma));
  fm_net_destroy(net), fm_path_destroy(path), fm_model_destroy(model), fm_model_destroy(loaded);
  unlink(file);
  return n;
}

/* FM_TEST_LOCALE names a locale that writes 0,5, for the process; then for the thread alone. */
START_TEST(numbers_have_a_point_in_every_locale) {
  enum { MOST = 1 << 17 };
  static char plain[MOST], local[MOST];
  const char *name = getenv("FM_TEST_LOCALE");
  fm_ctx *ctx = new_ctx(1);
  char file[256], number[32];
  double params[2];
  temporary_name(file, sizeof file, "locale");
  const size_t n = save_and_load(ctx, file, plain, MOST, params);
  for (int thread_alone = 0; thread_alone < 2; thread_alone++) {
    locale_t own = newlocale(LC_ALL_MASK, name, (locale_t)0), before = (locale_t)0;
    ck_assert_msg(own != (locale_t)0, "there is no locale %s", name);
    if (thread_alone)
      before = uselocale(own);
    else
      ck_assert_ptr_nonnull(setlocale(LC_ALL, name));
    snprintf(number, sizeof number, "%g", 0.5);
    ck_assert_str_eq(number, "0,5");
    const size_t n_local = save_and_load(ctx, file, local, MOST, params);
    fm_solver *solver = NULL;
    fm_solver_options o = {.struct_size = sizeof o, .rtol = -0.5};
    FAILS(FM_E_INVALID, "-0.5", fm_solver_create(ctx, 2, &o, &solver));
    snprintf(number, sizeof number, "%g", 0.5);
    ck_assert_str_eq(number, "0,5"); /* still */
    if (thread_alone)
      uselocale(before);
    else
      setlocale(LC_ALL, "C");
    freelocale(own);
    ck_assert_uint_eq(n_local, n);
    ck_assert_int_eq(memcmp(plain, local, n), 0);
    ck_assert(params[0] == 0.25 && params[1] == 15.5);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  fill_problem(&p);
  const TTest *const tests[] = {
      forked_children_are_refused, a_lock_of_the_parent_does_not_hold_the_child,
      numbers_have_a_point_in_every_locale, /* last: for tests/guest.sh, which makes a locale */
  };
  const size_t n = getenv("FM_TEST_LOCALE") != NULL ? FMI_COUNT(tests) : FMI_COUNT(tests) - 1;
  return run_tests("guest_process", tests, n);
}
