/* pool.c - the context's threads (nothing else starts any). A worker that has nothing to do spins for
   about 50 us, since work comes in bursts, and then blocks: an idle library costs the host nothing. Workers
   leave the host's signals to the host's threads, and compute in the floating-point environment of the thread
   that called: bits don't depend on who did the work, whatever the host has set. */
#include "core/pool.h"

#include "core/os.h"

#include <fenv.h>

#define SPIN_SECONDS 50e-6

/* Tasks, and the caller's floating-point environment: rounding, flush to zero, traps. */
typedef struct burst {
  void (*task)(void *arg, size_t i);
  void *arg;
  fenv_t environment;
  atomic_size_t done; /* by the host's executor */
} burst;

struct fmi_pool {
  fmi_memory *memory;
  size_t width;
  /* the host's executor, or NULL */
  int32_t (*run)(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg);
  void *run_user;
  /* own threads */
  fmi_os_thread *threads;
  size_t n_started;
  long long owner;
  fmi_os_mutex mutex;
  fmi_os_cond work_came;
  fmi_os_cond work_done;
  atomic_uint_fast64_t generation; /* counts bursts of work */
  atomic_bool quit;
  /* the present burst */
  const burst *burst;
  size_t n;
  atomic_size_t next;
  atomic_size_t busy; /* workers that have not finished this burst */
};

static void take_tasks(fmi_pool *pool) {
  const burst *b = pool->burst;
  for (size_t i; (i = atomic_fetch_add(&pool->next, 1)) < pool->n;) b->task(b->arg, i);
}

static void await_generation(fmi_pool *pool, uint64_t seen) {
  double until = fmi_os_seconds() + SPIN_SECONDS;
  do {
    for (int i = 0; i < 64; i++)
      if (atomic_load(&pool->generation) != seen) return;
    fmi_os_yield(); /* more threads than cores must not starve the one that has the work */
  } while (fmi_os_seconds() < until);
  fmi_os_lock(&pool->mutex);
  while (atomic_load(&pool->generation) == seen) fmi_os_wait(&pool->work_came, &pool->mutex);
  fmi_os_unlock(&pool->mutex);
}

static void worker(void *argument) {
  fmi_pool *pool = argument;
  for (uint64_t seen = 0;; seen++) {
    await_generation(pool, seen);
    if (atomic_load(&pool->quit)) return;
    fesetenv(&pool->burst->environment);
    take_tasks(pool);
    if (atomic_fetch_sub(&pool->busy, 1) == 1) {
      fmi_os_lock(&pool->mutex);
      fmi_os_wake_one(&pool->work_done);
      fmi_os_unlock(&pool->mutex);
    }
  }
}

static void announce(fmi_pool *pool) {
  fmi_os_lock(&pool->mutex);
  atomic_fetch_add(&pool->generation, 1);
  fmi_os_wake_all(&pool->work_came);
  fmi_os_unlock(&pool->mutex);
}

static void await_workers(fmi_pool *pool) {
  double until = fmi_os_seconds() + SPIN_SECONDS;
  do {
    for (int i = 0; i < 64; i++)
      if (atomic_load(&pool->busy) == 0) return;
    fmi_os_yield();
  } while (fmi_os_seconds() < until);
  fmi_os_lock(&pool->mutex);
  while (atomic_load(&pool->busy) != 0) fmi_os_wait(&pool->work_done, &pool->mutex);
  fmi_os_unlock(&pool->mutex);
}

static fm_status start_threads(fmi_pool *pool, fmi_error *err) {
  size_t n = pool->width - 1;
  pool->threads = fmi_alloc(pool->memory, n, sizeof *pool->threads, err);
  if (pool->threads == NULL) return FM_E_NOMEM;
  while (pool->n_started < n && fmi_os_thread_start(&pool->threads[pool->n_started], worker, pool))
    pool->n_started++;
  return pool->n_started == n
             ? FM_OK
             : fmi_fail(err, FM_E_NOMEM, "ctx_options.n_threads: the system started %zu of %zu threads",
                        pool->n_started + 1, pool->width);
}

fmi_pool *fmi_pool_create(fmi_memory *memory, const fm_ctx_options *options, fmi_error *err) {
  fmi_pool *pool = fmi_alloc(memory, 1, sizeof *pool, err);
  if (pool == NULL) return NULL;
  pool->memory = memory;
  pool->width = fmi_max(1, options->n_threads);
  pool->run = options->run;
  pool->run_user = options->run_user;
  pool->owner = fmi_os_process();
  fmi_os_mutex_init(&pool->mutex);
  fmi_os_cond_init(&pool->work_came);
  fmi_os_cond_init(&pool->work_done);
  if (pool->run == NULL && pool->width > 1 && start_threads(pool, err) != FM_OK) {
    fmi_pool_destroy(pool);
    return NULL;
  }
  return pool;
}

void fmi_pool_destroy(fmi_pool *pool) {
  if (pool == NULL) return;
  /* In a forked child the threads don't exist: there is nobody to join. */
  if (pool->n_started > 0 && pool->owner == fmi_os_process()) {
    atomic_store(&pool->quit, true);
    announce(pool);
    for (size_t i = 0; i < pool->n_started; i++) fmi_os_thread_join(&pool->threads[i]);
  }
  if (pool->owner == fmi_os_process()) {
    fmi_os_cond_destroy(&pool->work_done);
    fmi_os_cond_destroy(&pool->work_came);
    fmi_os_mutex_destroy(&pool->mutex);
  }
  fmi_free(pool->memory, pool->threads);
  fmi_free(pool->memory, pool);
}

size_t fmi_pool_width(const fmi_pool *pool) { return pool->width; }

/* A task on a thread of the host's, which may have other habits. */
static void run_as_caller(void *arg, size_t i) {
  burst *b = arg;
  fenv_t before;
  fegetenv(&before);
  fesetenv(&b->environment);
  b->task(b->arg, i);
  atomic_fetch_add(&b->done, 1);
  fesetenv(&before);
}

static fm_status run_by_host(fmi_pool *pool, size_t n, burst *b, fmi_error *err) {
  int32_t answer = pool->run(pool->run_user, n, run_as_caller, b);
  if (answer != 0)
    return fmi_fail(err, FM_E_CALLBACK, "ctx_options.run: the host's executor returned %d", (int)answer);
  if (atomic_load(&b->done) < n)
    return fmi_fail(err, FM_E_CALLBACK,
                    "ctx_options.run: the host's executor returned 0 without running tasks");
  return FM_OK;
}

static void run_by_threads(fmi_pool *pool, size_t n, const burst *b) {
  pool->burst = b;
  pool->n = n;
  atomic_store(&pool->next, 0);
  atomic_store(&pool->busy, pool->n_started);
  announce(pool);
  take_tasks(pool);
  await_workers(pool);
}

fm_status fmi_pool_run(fmi_pool *pool, size_t n, void (*task)(void *arg, size_t i), void *arg,
                       fmi_error *err) {
  if (pool->n_started > 0 && pool->owner != fmi_os_process())
    return fmi_fail(err, FM_E_FORKED,
                    "ctx: has %zu threads and was made before fork; make a context in the child",
                    pool->width);
  if (pool->run == NULL && (pool->n_started == 0 || n <= 1)) {
    for (size_t i = 0; i < n; i++) task(arg, i);
    return FM_OK;
  }
  burst b = {.task = task, .arg = arg};
  fegetenv(&b.environment);
  if (pool->run != NULL) return run_by_host(pool, n, &b, err);
  run_by_threads(pool, n, &b);
  return FM_OK;
}
