/* core_test.c - what everything stands on: memory, reference counts, options structs, the pool of threads,
   and the names of statuses. */
#include "fixture.h"

#include "core/pool.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- memory ---------------------------------------------------------------------------------------- */

/* An allocator that counts, and refuses from the allocation numbered `fail_at` on. */
typedef struct counting {
  size_t live, made, fail_at;
} counting;
static void *counting_alloc(void *user, size_t bytes, size_t alignment) {
  counting *c = user;
  ck_assert_uint_ge(bytes, 1);
  ck_assert_uint_le(alignment, 64);
  if (c->fail_at != 0 && c->made + 1 >= c->fail_at) return NULL;
  void *block = aligned_alloc(alignment, fmi_round_up(bytes, alignment));
  ck_assert_ptr_nonnull(block);
  memset(block, 0xa5, bytes); /* callers must not rely on zeros */
  c->made++;
  c->live++;
  return block;
}
static void counting_release(void *user, void *block) {
  ck_assert_ptr_nonnull(block);
  ((counting *)user)->live--;
  free(block);
}
static fm_ctx_options counting_options(counting *c) {
  fm_ctx_options o;
  fm_ctx_options_init(&o);
  o.alloc = counting_alloc;
  o.release = counting_release;
  o.alloc_user = c;
  return o;
}

START_TEST(sizes_saturate) {
  ck_assert_uint_eq(fmi_add_size(2, 3), 5);
  ck_assert_uint_eq(fmi_add_size(SIZE_MAX - 1, 1), SIZE_MAX);
  ck_assert_uint_eq(fmi_add_size(SIZE_MAX, 1), SIZE_MAX);
  ck_assert_uint_eq(fmi_add_size(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1), SIZE_MAX);
  ck_assert_uint_eq(fmi_mul_size(7, 6), 42);
  ck_assert_uint_eq(fmi_mul_size(SIZE_MAX, 0), 0);
  ck_assert_uint_eq(fmi_mul_size(0, SIZE_MAX), 0);
  ck_assert_uint_eq(fmi_mul_size(SIZE_MAX, 1), SIZE_MAX);
  ck_assert_uint_eq(fmi_mul_size(SIZE_MAX / 2 + 1, 2), SIZE_MAX);
  ck_assert_uint_eq(fmi_mul_size(SIZE_MAX / 2, 2), SIZE_MAX - 1);
  ck_assert_uint_eq(fmi_round_up(0, 64), 0);
  ck_assert_uint_eq(fmi_round_up(65, 64), 128);
  ck_assert_uint_eq(fmi_ceil_div(SIZE_MAX, 2), SIZE_MAX / 2 + 1);
}
END_TEST

START_TEST(blocks_are_zeroed_aligned_and_never_overflow) {
  counting c = {0};
  fm_ctx_options o = counting_options(&c);
  fmi_memory *memory = fmi_memory_create(&o);
  fmi_error err = {.status = FM_OK};
  for (size_t n = 0; n < 200; n += 13) {
    unsigned char *block = fmi_alloc(memory, n, 3, &err);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq((uintptr_t)block % FMI_ALIGN, 0);
    for (size_t i = 0; i < 3 * n; i++) ck_assert_uint_eq(block[i], 0);
    fmi_free(memory, block);
  }
  const size_t impossible[][2] = {
      {SIZE_MAX, SIZE_MAX}, {SIZE_MAX / 2, 3}, {SIZE_MAX, 1}, {PTRDIFF_MAX, 1}, {SIZE_MAX / 16 + 2, 16}};
  size_t made = c.made;
  for (size_t i = 0; i < FMI_COUNT(impossible); i++) {
    err = (fmi_error){.status = FM_OK};
    ck_assert_ptr_null(fmi_alloc(memory, impossible[i][0], impossible[i][1], &err));
    ck_assert_int_eq(err.status, FM_E_NOMEM);
    ck_assert_ptr_null(fmi_alloc(memory, impossible[i][0], impossible[i][1], NULL));
  }
  ck_assert_uint_eq(c.made, made); /* the allocator never saw them */
  fmi_free(memory, NULL);
  fmi_memory_release(memory);
  ck_assert_uint_eq(c.live, 0);
}
END_TEST

/* The same sequence measures and carves; pieces are aligned and apart. */
static void carve(fmi_arena *arena, char *pieces[5]) {
  static const size_t counts[5][2] = {{3, 1}, {0, 8}, {64, 1}, {5, 13}, {1, 1}};
  for (size_t i = 0; i < 5; i++) pieces[i] = fmi_arena_take(arena, counts[i][0], counts[i][1]);
}
START_TEST(arenas_measure_what_they_carve) {
  char *pieces[5];
  fmi_arena measured = {NULL, 0}, carved;
  carve(&measured, pieces);
  for (size_t i = 0; i < 5; i++) ck_assert_ptr_null(pieces[i]);
  ck_assert_uint_eq(measured.used, 64 + 0 + 64 + 128 + 64);
  char *block = aligned_alloc(FMI_ALIGN, measured.used);
  carved = (fmi_arena){block, 0};
  carve(&carved, pieces);
  ck_assert_uint_eq(carved.used, measured.used);
  static const size_t offsets[5] = {0, 64, 64, 128, 256};
  for (size_t i = 0; i < 5; i++) ck_assert_uint_eq((size_t)(pieces[i] - block), offsets[i]);
  free(block);
  fmi_arena full = {NULL, 0};
  fmi_arena_take(&full, SIZE_MAX / 2, 2);
  ck_assert_uint_eq(full.used, SIZE_MAX);
  fmi_arena_take(&full, 1, 1);
  ck_assert_uint_eq(full.used, SIZE_MAX); /* what is too large stays too large */
  full = (fmi_arena){NULL, SIZE_MAX - 100};
  fmi_arena_take(&full, 1, 60);
  ck_assert_uint_eq(full.used, SIZE_MAX);
}
END_TEST

/* ---- handles --------------------------------------------------------------------------------------- */

typedef struct thing {
  fmi_object object;
  unsigned *destroyed;
} thing;
static void destroy_thing(void *self) {
  ++*((thing *)self)->destroyed;
  fmi_object_free(self);
}
static void borrow(void *arg, size_t i) {
  (void)i;
  for (int k = 0; k < 200; k++) {
    fmi_retain(arg);
    fmi_release(arg);
  }
}

START_TEST(the_last_release_destroys_once) {
  counting c = {0};
  fm_ctx_options o = counting_options(&c);
  fmi_memory *memory = fmi_memory_create(&o);
  fmi_error err = {.status = FM_OK};
  unsigned destroyed = 0;
  thing *t = fmi_object_create(memory, sizeof *t, destroy_thing, &err);
  t->destroyed = &destroyed;
  fmi_memory_release(memory); /* the handle keeps it */
  ck_assert_ptr_eq(fmi_retain(t), t);
  fmi_release(t);
  ck_assert_uint_eq(destroyed, 0);
  fm_ctx_options threads = {.n_threads = 3};
  fmi_memory *other = fmi_memory_create(NULL);
  fmi_pool *pool = fmi_pool_create(other, &threads, &err);
  ck_assert_int_eq(fmi_pool_run(pool, 50, borrow, t, &err), FM_OK);
  ck_assert_uint_eq(destroyed, 0);
  fmi_release(t);
  ck_assert_uint_eq(destroyed, 1);
  ck_assert_uint_eq(c.live, 0);
  fmi_release(NULL);
  ck_assert_ptr_null(fmi_retain(NULL));
  fmi_pool_destroy(pool);
  fmi_memory_release(other);
}
END_TEST

START_TEST(handles_outlive_their_context) {
  counting c = {0};
  fm_ctx_options o = counting_options(&c);
  fm_ctx *ctx;
  ck_assert_int_eq(fm_ctx_create(&o, &ctx), FM_OK);
  fm_net *net;
  fm_model *model;
  fm_net_options small = {.struct_size = sizeof small, .width = 4, .depth = 1};
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &small, &net));
  float *params = new_block(fm_net_n_params(net), sizeof *params);
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &model));
  fm_ctx_destroy(ctx);
  fm_net_destroy(net);
  ck_assert_uint_eq(fm_net_dim(fm_model_net(model)), 2);
  fm_model_destroy(model);
  ck_assert_uint_eq(c.live, 0);
  free(params);
}
END_TEST

/* Every allocation of a context and a net fails once: no leak, FM_E_NOMEM, and *out is NULL. */
START_TEST(running_out_of_memory_is_a_status) {
  for (size_t fail_at = 1;; fail_at++) {
    counting c = {.fail_at = fail_at};
    fm_ctx_options o = counting_options(&c);
    fm_ctx *ctx = (fm_ctx *)(uintptr_t)1;
    fm_net *net = (fm_net *)(uintptr_t)1;
    fm_status status = fm_ctx_create(&o, &ctx);
    if (status == FM_OK) {
      status = fm_net_create(ctx, 2, NULL, 0, 0, NULL, &net);
      if (status != FM_OK) ck_assert_ptr_null(net);
      if (status == FM_OK) fm_net_destroy(net);
      fm_ctx_destroy(ctx);
    } else {
      ck_assert_ptr_null(ctx);
    }
    ck_assert_uint_eq(c.live, 0);
    if (status == FM_OK) {
      ck_assert_uint_gt(fail_at, 5);
      return;
    }
    ck_assert_int_eq(status, FM_E_NOMEM);
  }
}
END_TEST

/* ---- options structs ------------------------------------------------------------------------------- */

typedef struct options {
  uint64_t struct_size;
  uint64_t a, b;
} options;
typedef struct longer {
  options known;
  uint64_t tail[2];
} longer;

START_TEST(options_of_other_versions) {
  fmi_error err = {.status = FM_OK};
  options copy;
  ck_assert_int_eq(fmi_options_read(&err, "options", NULL, &copy, sizeof copy), FM_OK);
  ck_assert(copy.struct_size == sizeof copy && copy.a == 0 && copy.b == 0);
  options full = {sizeof full, 1, 2};
  ck_assert_int_eq(fmi_options_read(&err, "options", &full, &copy, sizeof copy), FM_OK);
  ck_assert(copy.struct_size == sizeof copy && copy.a == 1 && copy.b == 2);
  full.struct_size = 16; /* an older caller: b is not its own, whatever stands there */
  ck_assert_int_eq(fmi_options_read(&err, "options", &full, &copy, sizeof copy), FM_OK);
  ck_assert(copy.struct_size == sizeof copy && copy.a == 1 && copy.b == 0);
  full.struct_size = 8;
  ck_assert_int_eq(fmi_options_read(&err, "options", &full, &copy, sizeof copy), FM_OK);
  ck_assert(copy.struct_size == sizeof copy && copy.a == 0 && copy.b == 0);
  longer newer = {{sizeof newer, 1, 2}, {0, 0}};
  ck_assert_int_eq(fmi_options_read(&err, "options", &newer, &copy, sizeof copy), FM_OK);
  ck_assert(copy.struct_size == sizeof copy && copy.a == 1 && copy.b == 2);
  ((unsigned char *)&newer.tail[1])[7] = 1; /* the very last byte */
  ck_assert_int_eq(fmi_options_read(&err, "options", &newer, &copy, sizeof copy), FM_E_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(err.text, "options: a field at byte 39"));
  const uint64_t wrong[] = {0, 7, 65537, UINT64_MAX};
  for (size_t i = 0; i < FMI_COUNT(wrong); i++) {
    full.struct_size = wrong[i];
    ck_assert_int_eq(fmi_options_read(&err, "options", &full, &copy, sizeof copy), FM_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "options.struct_size"));
  }
}
END_TEST

START_TEST(results_for_other_versions) {
  fmi_error err = {.status = FM_OK};
  const options full = {sizeof full, 1, 2};
  options older = {16, 9, 9};
  ck_assert_int_eq(fmi_struct_write(&err, "info", &full, sizeof full, &older), FM_OK);
  ck_assert(older.struct_size == 16 && older.a == 1 && older.b == 9);
  longer newer = {{sizeof newer, 9, 9}, {9, 9}};
  ck_assert_int_eq(fmi_struct_write(&err, "info", &full, sizeof full, &newer), FM_OK);
  ck_assert(newer.known.struct_size == sizeof newer && newer.known.b == 2 && newer.tail[0] == 9);
  older.struct_size = 0;
  ck_assert_int_eq(fmi_struct_write(&err, "info", &full, sizeof full, &older), FM_E_INVALID);
}
END_TEST

/* ---- the pool -------------------------------------------------------------------------------------- */

enum { MAX_TASKS = 1000 };
typedef struct tally {
  atomic_uint count[MAX_TASKS];
} tally;
static void count_task(void *arg, size_t i) {
  atomic_fetch_add_explicit(&((tally *)arg)->count[i], 1, memory_order_relaxed);
}
static void run_all_sizes(fmi_pool *pool) {
  static tally seen;
  fmi_error err = {.status = FM_OK};
  static const size_t sizes[] = {0, 1, 2, 3, 5, 8, 9, 64, MAX_TASKS};
  for (size_t k = 0; k < FMI_COUNT(sizes); k++) {
    memset(&seen, 0, sizeof seen);
    ck_assert_int_eq(fmi_pool_run(pool, sizes[k], count_task, &seen, &err), FM_OK);
    size_t wrong = 0;
    for (size_t i = 0; i < MAX_TASKS; i++) wrong += atomic_load(&seen.count[i]) != (i < sizes[k]);
    ck_assert_msg(wrong == 0, "of %zu tasks %zu ran other than once", sizes[k], wrong);
  }
}
static void doze(void) {
  struct timespec pause = {0, 200000}; /* longer than workers spin, so that they block */
  nanosleep(&pause, NULL);
}

START_TEST(every_task_runs_once) {
  static const uint32_t widths[] = {0, 1, 2, 3, 8, 40};
  fmi_memory *memory = fmi_memory_create(NULL);
  fmi_error err = {.status = FM_OK};
  for (size_t k = 0; k < FMI_COUNT(widths); k++) {
    fm_ctx_options o = {.n_threads = widths[k]};
    fmi_pool *pool = fmi_pool_create(memory, &o, &err);
    ck_assert_uint_eq(fmi_pool_width(pool), widths[k] ? widths[k] : 1);
    for (int burst = 0; burst < (quick() ? 3 : 25); burst++) {
      run_all_sizes(pool);
      if (burst % 8 == 0) doze();
    }
    fmi_pool_destroy(pool);
  }
  fmi_memory_release(memory);
}
END_TEST

static int32_t refuse(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg) {
  (void)user, (void)n, (void)task, (void)arg;
  return 17;
}
START_TEST(the_hosts_executor_is_used_and_may_fail) {
  fmi_memory *memory = fmi_memory_create(NULL);
  fmi_error err = {.status = FM_OK};
  size_t tasks = 0;
  fm_ctx_options o = {.n_threads = 4, .run = run_in_reverse, .run_user = &tasks};
  fmi_pool *pool = fmi_pool_create(memory, &o, &err);
  run_all_sizes(pool);
  ck_assert_uint_ge(tasks, 8);
  fmi_pool_destroy(pool);
  o.run = refuse;
  pool = fmi_pool_create(memory, &o, &err);
  static tally seen;
  ck_assert_int_eq(fmi_pool_run(pool, 3, count_task, &seen, &err), FM_E_CALLBACK);
  ck_assert_ptr_nonnull(strstr(err.text, "17"));
  fmi_pool_destroy(pool);
  fmi_memory_release(memory);
}
END_TEST

/* Threads don't survive a fork: the child is told so, can still tidy up, and a context without threads works.
 */
START_TEST(a_forked_child_is_refused) {
  const char *fork_mode = getenv("CK_FORK");
  if (fork_mode != NULL && strcmp(fork_mode, "no") == 0) return; /* tools that can't follow */
  static tally seen;
  fmi_memory *memory = fmi_memory_create(NULL);
  fmi_error err = {.status = FM_OK};
  fm_ctx_options o = {.n_threads = 3};
  fmi_pool *pool = fmi_pool_create(memory, &o, &err);
  o.n_threads = 1;
  fmi_pool *alone = fmi_pool_create(memory, &o, &err);
  ck_assert_int_eq(fmi_pool_run(pool, 5, count_task, &seen, &err), FM_OK);
  pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) { /* no assertion here: the child says what it saw by its exit code */
    bool refused =
        fmi_pool_run(pool, 5, count_task, &seen, &err) == FM_E_FORKED && strstr(err.text, "fork") != NULL;
    bool works = fmi_pool_run(alone, 5, count_task, &seen, &err) == FM_OK;
    fmi_pool_destroy(pool);
    _exit(refused && works ? 0 : 1);
  }
  int status = 0;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ck_assert_int_eq(fmi_pool_run(pool, 5, count_task, &seen, &err), FM_OK); /* the parent goes on */
  fmi_pool_destroy(pool);
  fmi_pool_destroy(alone);
  fmi_memory_release(memory);
}
END_TEST

/* ---- names ----------------------------------------------------------------------------------------- */

START_TEST(statuses_have_names) {
  ck_assert_str_eq(fm_status_name(FM_OK), "FM_OK");
  ck_assert_str_eq(fm_status_name(FM_E_INVALID), "FM_E_INVALID");
  ck_assert_str_eq(fm_status_name(FM_E_FORKED), "FM_E_FORKED");
  ck_assert_str_eq(fm_status_name(FM_STOPPED), "FM_STOPPED");
  ck_assert_str_eq(fm_status_name(FM_DEADLINE), "FM_DEADLINE");
  for (fm_status s = 0; s >= FM_COARSE; s--)
    for (fm_status other = 0; other > s; other--) ck_assert_str_ne(fm_status_name(s), fm_status_name(other));
  ck_assert_str_eq(fm_status_name(-1000), "unknown status");
  ck_assert_str_eq(fm_status_name(1), "unknown status");
  char long_text[1000];
  memset(long_text, 'x', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = 0;
  fmi_error err;
  ck_assert_int_eq(fmi_fail(&err, FM_E_IO, "%s", long_text), FM_E_IO); /* cut, not overflowing */
  ck_assert_uint_eq(strlen(err.text), sizeof err.text - 1);
  ck_assert_int_eq(fmi_fail(NULL, FM_E_IO, "nobody listens"), FM_E_IO);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {sizes_saturate,
                                blocks_are_zeroed_aligned_and_never_overflow,
                                arenas_measure_what_they_carve,
                                the_last_release_destroys_once,
                                handles_outlive_their_context,
                                running_out_of_memory_is_a_status,
                                options_of_other_versions,
                                results_for_other_versions,
                                every_task_runs_once,
                                the_hosts_executor_is_used_and_may_fail,
                                a_forked_child_is_refused,
                                statuses_have_names};
  return run_tests("core", tests, FMI_COUNT(tests));
}
