/* guest_threads_test.c - the host's threads: sixteen of them share what is immutable and each gets the bits of
   one alone; tasks on a pool of the host's, whose threads have habits of their own, give them too; the
   context's own threads take no signal of the host's; a thread of the host's may have a small stack. */
#include "train_fixture.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static problem p;

/* Sanitizers need stack of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FM_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FM_TEST_SANITIZED 1
#endif
#endif

/* ---- sixteen of them, one model ---------------------------------------------------------------------- */

enum { N_THREADS = 16, N_DRAWN = 40, N_STEPS = 5 };

/* All that a thread makes of the shared handles. */
typedef struct results {
  float drawn[N_DRAWN][DIM], velocity[N_DRAWN][DIM];
  double encoded[N_DRAWN][DIM];
  double loss;
  kit kit;
} results;

typedef struct shared {
  const fm_model *model;
  const kit *parts;
  pthread_barrier_t start;
} shared;

typedef struct guest_thread {
  pthread_t thread;
  shared *shared;
  size_t index;
  results results;
} guest_thread;

/* In `split` rows a call. Sampler and trainer are the thread's own, all else is shared. */
static void use(fm_ctx *ctx, const shared *s, size_t split, results *r) {
  fm_sampler *sampler;
  double t[N_DRAWN];
  OK(fm_sampler_create(ctx, s->model, NULL, NULL, &sampler));
  const size_t rows = quick() ? 10 : N_DRAWN;
  for (size_t first = 0; first < rows; first += split) {
    const size_t n = fmi_min(split, rows - first);
    OK(fm_sampler_draw(ctx, sampler, 4, first, p.labels + first, p.cond[first], n, r->drawn[first]));
    for (size_t i = first; i < first + n; i++) {
      t[i] = (double)i / N_DRAWN;
      for (size_t j = 0; j < DIM; j++) r->encoded[i][j] = (double)p.x1[i][j];
    }
    OK(fm_sampler_velocity(ctx, sampler, p.x1[first], t + first, p.labels + first, NULL, n,
                           r->velocity[first]));
    OK(fm_sampler_transport(ctx, sampler, 1, 0, p.labels + first, p.cond[first], n, r->encoded[first], NULL,
                            NULL, NULL));
  }
  fm_sampler_destroy(sampler);
  const fm_trainer_options o = {.struct_size = sizeof o, .batch = BATCH, .seed = 9};
  const kit *k = s->parts;
  OK(fm_trainer_create(ctx, k->net, NULL, NULL, k->normaliser, k->cond_normaliser, k->optimizer, NULL, &o,
                       &r->kit.trainer));
  OK(fm_trainer_run(ctx, r->kit.trainer, k->data, quick() ? 2 : N_STEPS));
  OK(fm_model_evaluate(ctx, s->model, k->data, 3, quick() ? 10 : 50, &r->loss));
}

static void same_results(const results *a, const results *b) {
  SAME(a->drawn[0], b->drawn[0], N_DRAWN * DIM);
  SAME(a->velocity[0], b->velocity[0], N_DRAWN * DIM);
  SAME(a->encoded[0], b->encoded[0], N_DRAWN * DIM);
  SAME(&a->loss, &b->loss, 1);
  same_training(a->kit.trainer, b->kit.trainer);
}

static void *in_thread(void *argument) {
  guest_thread *g = argument;
  fm_ctx *ctx = new_ctx(1 + g->index % 2); /* every other one with a thread of its own */
  pthread_barrier_wait(&g->shared->start);
  use(ctx, g->shared, 1 + g->index, &g->results);
  fm_ctx_destroy(ctx);
  return NULL;
}

START_TEST(sixteen_threads_share_one_model) {
  static guest_thread threads[N_THREADS];
  static results alone;
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  fm_model *model;
  OK(fm_trainer_run(ctx, k.trainer, k.data, 3));
  OK(fm_trainer_model(ctx, k.trainer, &model));
  shared s = {.model = model, .parts = &k};
  use(ctx, &s, N_DRAWN, &alone);
  pthread_barrier_init(&s.start, NULL, N_THREADS);
  for (size_t i = 0; i < N_THREADS; i++) {
    threads[i].shared = &s;
    threads[i].index = i;
    ck_assert_int_eq(pthread_create(&threads[i].thread, NULL, in_thread, &threads[i]), 0);
  }
  for (size_t i = 0; i < N_THREADS; i++) ck_assert_int_eq(pthread_join(threads[i].thread, NULL), 0);
  pthread_barrier_destroy(&s.start);
  for (size_t i = 0; i < N_THREADS; i++) {
    same_results(&threads[i].results, &alone);
    fm_trainer_destroy(threads[i].results.kit.trainer);
  }
  fm_trainer_destroy(alone.kit.trainer);
  fm_model_destroy(model);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- the host's executor ------------------------------------------------------------------------------ */

/* What an executor was asked, and how it does it. */
typedef struct executor {
  size_t n_calls, n_tasks, most;
  int32_t (*run)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg);
  bool fails, forgets;
} executor;

typedef struct foreign {
  pthread_t thread;
  void (*task)(void *arg, size_t i);
  void *arg;
  size_t i;
} foreign;

/* A thread with habits of its own, which the task must neither take over nor change. */
static void *run_one(void *argument) {
  foreign *f = argument;
  fesetround(FE_TOWARDZERO);
  f->task(f->arg, f->i);
  HOLDS(fegetround() == FE_TOWARDZERO, "the rounding of the host's thread was changed");
  return NULL;
}

static int32_t run_on_new_threads(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  (void)user;
  foreign each[64];
  if (n > FMI_COUNT(each)) return 1;
  for (size_t i = 0; i < n; i++) {
    each[i] = (foreign){.task = task, .arg = arg, .i = n - 1 - i};
    if (pthread_create(&each[i].thread, NULL, run_one, &each[i]) != 0) return 2;
  }
  for (size_t i = 0; i < n; i++) pthread_join(each[i].thread, NULL);
  return 0;
}

/* One thread of the host's does everything, the caller waits. */
static int32_t run_elsewhere(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  for (size_t i = 0; i < n; i++) {
    foreign f = {.task = task, .arg = arg, .i = (i + n / 2) % n};
    if (pthread_create(&f.thread, NULL, run_one, &f) != 0) return 2;
    pthread_join(f.thread, NULL);
  }
  (void)user;
  return 0;
}

static int32_t counted(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  executor *e = user;
  e->n_calls++;
  e->n_tasks += n;
  e->most = fmi_max(e->most, n);
  if (e->forgets) return 0;
  return e->fails ? 11 : e->run(NULL, n, task, arg);
}

static fm_ctx *ctx_of(executor *e, uint32_t n_threads) {
  const fm_ctx_options o = {
      .struct_size = sizeof o, .run = counted, .run_user = e, .n_threads = n_threads, .blas = FM_BLAS_NEVER};
  fm_ctx *ctx = NULL;
  ck_assert_int_eq(fm_ctx_create(&o, &ctx), FM_OK);
  return ctx;
}

START_TEST(the_hosts_pool_runs_everything) {
  int32_t (*const runs[])(void *, size_t, void (*)(void *, size_t),
                          void *) = {run_in_reverse, run_on_new_threads, run_elsewhere};
  static results alone, pooled;
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  fm_model *model;
  OK(fm_trainer_run(ctx, k.trainer, k.data, 3));
  OK(fm_trainer_model(ctx, k.trainer, &model));
  const shared s = {.model = model, .parts = &k};
  use(ctx, &s, N_DRAWN, &alone);
  for (size_t i = 0; i < FMI_COUNT(runs); i++) {
    executor e = {.run = runs[i]};
    fm_ctx *host = ctx_of(&e, 4);
    use(host, &s, N_DRAWN, &pooled);
    same_results(&pooled, &alone);
    HOLDS(e.n_calls > 0 && e.most > 1 && e.most <= 4, "%zu calls, at most %zu tasks", e.n_calls, e.most);
    fm_trainer_destroy(pooled.kit.trainer);
    fm_ctx_destroy(host);
  }
  fm_trainer_destroy(alone.kit.trainer);
  fm_model_destroy(model);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* An executor that says it failed, or that says nothing and does nothing; then it works again. */
START_TEST(an_executor_may_fail) {
  fm_ctx *good = new_ctx(1);
  executor e = {.run = run_in_reverse};
  fm_ctx *ctx = ctx_of(&e, 3);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  kit same = new_kit(good, &p, (fm_net_options){0}, (fm_trainer_options){0});
  e.fails = true;
  FAILS(FM_E_CALLBACK, "11", fm_trainer_run(ctx, k.trainer, k.data, 2));
  FAILS(FM_E_CALLBACK, "11", step_on(&k, &p, NULL, 0, 60, NULL));
  e.fails = false;
  e.forgets = true;
  FAILS(FM_E_CALLBACK, "without", step_on(&k, &p, NULL, 0, 60, NULL));
  ck_assert_uint_eq(fm_trainer_steps(k.trainer), 0);
  fm_coupling *coupling = NULL;
  OK(fm_coupling_create(ctx, 2, 2, 0, 0, NULL, &coupling));
  const float four[4] = {0, 1, 2, 3};
  FAILS(FM_E_CALLBACK, "without",
        fm_coupling_pair(ctx, coupling, four, four, NULL, NULL, 2, 0, 0, NULL, NULL, NULL));
  fm_coupling_destroy(coupling);
  e.forgets = false;
  OK(step_on(&k, &p, NULL, 0, 60, NULL));
  ck_assert_int_eq(step_on(&same, &p, NULL, 0, 60, NULL), FM_OK);
  SAME(k.trainer->params, same.trainer->params, k.net->n_params);
  free_kit(&k), free_kit(&same);
  fm_ctx_destroy(ctx), fm_ctx_destroy(good);
}
END_TEST

/* ---- the caller's floating point ------------------------------------------------------------------------ */

/* A prior that notes on which threads it is called, and whether the right signals are blocked there. */
typedef struct notes {
  pthread_t host;
  atomic_size_t n_elsewhere, n_wrong;
} notes;

static int32_t noted_source(void *user, const fm_prior_request *r) {
  notes *n = user;
  for (uint64_t i = 0; i < r->n * r->dim; i++)
    r->x0[i] = (double)((r->seed + r->first_row * r->dim + i) % 7) / 3 - 1;
  /* Long enough for another thread to take part. */
  struct timespec pause = {.tv_nsec = 200000};
  nanosleep(&pause, NULL);
  if (pthread_equal(n->host, pthread_self())) return 0;
  atomic_fetch_add(&n->n_elsewhere, 1);
  static const int of_the_host[] = {SIGINT,  SIGTERM, SIGHUP,  SIGCHLD, SIGUSR1,
                                    SIGUSR2, SIGPROF, SIGALRM, SIGWINCH};
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  for (size_t i = 0; i < FMI_COUNT(of_the_host); i++)
    if (!sigismember(&mask, of_the_host[i])) atomic_fetch_add(&n->n_wrong, 1);
  for (size_t i = 0; i < FMI_COUNT(own); i++)
    if (sigismember(&mask, own[i])) atomic_fetch_add(&n->n_wrong, 1);
  return 0;
}

START_TEST(threads_of_the_context_leave_signals_to_the_host) {
  notes n = {.host = pthread_self()};
  fm_ctx *ctx = new_ctx(3);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  fm_prior *prior;
  fm_trainer *trainer;
  OK(fm_prior_create_callback(ctx, noted_source, &n, &prior));
  const fm_trainer_options o = {.struct_size = sizeof o, .batch = ROWS};
  OK(fm_trainer_create(ctx, k.net, NULL, prior, k.normaliser, k.cond_normaliser, NULL, NULL, &o, &trainer));
  /* A busy machine may give one burst to one thread. */
  for (uint64_t steps = 1; steps < 200 && atomic_load(&n.n_elsewhere) == 0; steps++)
    OK(fm_trainer_run(ctx, trainer, k.data, steps));
  ck_assert_uint_gt(atomic_load(&n.n_elsewhere), 0);
  ck_assert_uint_eq(atomic_load(&n.n_wrong), 0);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  ck_assert_int_eq(sigismember(&mask, SIGINT), 0);
  fm_trainer_destroy(trainer);
  fm_prior_destroy(prior);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Threads that were there before the host chose its rounding compute as the host does. */
START_TEST(threads_of_the_context_round_as_the_caller) {
  static results nearest, upward[3];
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  fm_model *model;
  OK(fm_trainer_run(ctx, k.trainer, k.data, 3));
  OK(fm_trainer_model(ctx, k.trainer, &model));
  const shared s = {.model = model, .parts = &k};
  use(ctx, &s, N_DRAWN, &nearest);
  executor e = {.run = run_on_new_threads};
  fm_ctx *each[] = {ctx, new_ctx(3), ctx_of(&e, 3)};
  ck_assert_int_eq(fesetround(FE_UPWARD), 0);
  for (size_t i = 0; i < 3; i++) use(each[i], &s, N_DRAWN, &upward[i]);
  ck_assert_int_eq(fegetround(), FE_UPWARD);
  fesetround(FE_TONEAREST);
  same_results(&upward[1], &upward[0]);
  same_results(&upward[2], &upward[0]);
  /* Or nothing was seen. */
  ck_assert_int_ne(memcmp(upward[0].encoded, nearest.encoded, sizeof nearest.encoded), 0);
  fm_trainer_destroy(nearest.kit.trainer);
  for (size_t i = 0; i < 3; i++) fm_trainer_destroy(upward[i].kit.trainer);
  fm_model_destroy(model);
  free_kit(&k);
  for (size_t i = 0; i < 3; i++) fm_ctx_destroy(each[i]);
}
END_TEST

/* ---- a small stack --------------------------------------------------------------------------------------- */

#ifndef FM_TEST_SANITIZED
/* The build with double inside has tiles of twice the bytes. */
enum { STACK = 1 << 18, ENOUGH = 40 * 1024 * (sizeof(real) / sizeof(float)), PAINT = 0xa5 };

typedef struct small {
  const shared *shared;
  char file[256];
} small;

/* What has a workspace of its own: couplings, log-densities, stochastic draws. */
static void use_more(fm_ctx *ctx, const shared *s, results *r) {
  const fm_sampler_options density = {.struct_size = sizeof density, .divergence = FM_DIVERGENCE_GAUSSIAN};
  const fm_sampler_options noisy = {.struct_size = sizeof noisy, .diffusion = FM_DIFFUSION_SIGMA};
  fm_coupling *coupling;
  fm_sampler *sampler;
  double found[N_DRAWN];
  for (uint32_t kind = FM_COUPLING_OT; kind <= FM_COUPLING_SINKHORN; kind++) {
    const fm_coupling_options o = {.struct_size = sizeof o, .kind = kind, .tolerance = kind - 2u};
    OK(fm_coupling_create(ctx, N_DRAWN, DIM, 0, 0, &o, &coupling));
    OK(fm_coupling_pair(ctx, coupling, p.x1[0], p.x1[1], NULL, NULL, N_DRAWN, 1, 0, NULL, NULL, NULL));
    fm_coupling_destroy(coupling);
  }
  OK(fm_sampler_create(ctx, s->model, NULL, &density, &sampler));
  OK(fm_sampler_log_density(ctx, sampler, 0, p.labels, p.cond[0], N_DRAWN, r->encoded[0], found, NULL, NULL,
                            NULL));
  fm_sampler_destroy(sampler);
  OK(fm_sampler_create(ctx, s->model, NULL, &noisy, &sampler));
  OK(fm_sampler_draw(ctx, sampler, 1, 0, p.labels, p.cond[0], N_DRAWN, r->drawn[0]));
  fm_sampler_destroy(sampler);
}

static void *with_small_stack(void *argument) {
  const small *o = argument;
  results *r = new_block(1, sizeof *r);
  fm_ctx *ctx = new_ctx(1);
  use(ctx, o->shared, 7, r);
  use_more(ctx, o->shared, r);
  OK(fm_trainer_save(ctx, r->kit.trainer, o->file));
  OK(fm_trainer_load(ctx, r->kit.trainer, o->file));
  fm_trainer_destroy(r->kit.trainer);
  fm_model *model;
  OK(fm_model_save(ctx, o->shared->model, o->file));
  OK(fm_model_load(ctx, o->file, &model));
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  free(r);
  return NULL;
}

static void *nothing(void *argument) { return argument; }

/* The bytes that a thread uses. The stack is painted, and what lost its paint was in use; stacks grow downward
   where we are. */
static size_t stack_of(void *(*body)(void *), void *argument) {
  unsigned char *stack = NULL;
  pthread_attr_t attributes;
  pthread_t thread;
  ck_assert_int_eq(posix_memalign((void **)&stack, 1u << 16, STACK), 0);
  memset(stack, PAINT, STACK);
  pthread_attr_init(&attributes);
  ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, STACK), 0);
  ck_assert_int_eq(pthread_create(&thread, &attributes, body, argument), 0);
  ck_assert_int_eq(pthread_join(thread, NULL), 0);
  pthread_attr_destroy(&attributes);
  size_t unused = 0;
  while (unused < STACK && stack[unused] == PAINT) unused++;
  free(stack);
  return STACK - unused;
}

/* All that a host may want to do on a thread. Of a thread's stack the system takes a part for the libraries'
   thread-local variables, 64 KiB with OpenBLAS. */
START_TEST(threads_with_small_stacks_will_do) {
  if (quick()) return; /* valgrind doesn't want stacks to be looked at */
  fm_ctx *ctx = new_ctx(1);
  kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  fm_model *model;
  OK(fm_trainer_model(ctx, k.trainer, &model));
  const shared s = {.model = model, .parts = &k};
  small o = {.shared = &s};
  temporary_name(o.file, sizeof o.file, "stack");
  const size_t systems = stack_of(nothing, NULL), all = stack_of(with_small_stack, &o);
  if (getenv("FM_TEST_VERBOSE") != NULL)
    printf("%zu bytes of stack, %zu of them the system's\n", all, systems);
  ck_assert_msg(all - systems <= ENOUGH, "%zu bytes of stack, %zu of them the system's", all, systems);
  ck_assert_uint_gt(all, systems + 1024);
  unlink(o.file);
  fm_model_destroy(model);
  free_kit(&k);
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

int main(void) {
  fill_problem(&p);
  const TTest *const tests[] = {
      sixteen_threads_share_one_model,
      the_hosts_pool_runs_everything,
      an_executor_may_fail,
      threads_of_the_context_leave_signals_to_the_host,
      threads_of_the_context_round_as_the_caller,
#ifndef FM_TEST_SANITIZED
      threads_with_small_stacks_will_do,
#endif
  };
  return run_tests("guest_threads", tests, FMI_COUNT(tests));
}
