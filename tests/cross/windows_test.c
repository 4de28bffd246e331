/* windows_test.c - what os_windows.c does, on Windows or Wine: clock, threads, files that are replaced whole, mapped
   and named in UTF-8. Exits with 0 if all holds, else names the line. */
#include "core/os.h"
#include "core/pool.h"

#include <stdio.h>

#define HOLDS(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      printf("line %d: not so: %s: %s\n", __LINE__, #condition, err.text);                                   \
      return 1;                                                                                              \
    }                                                                                                        \
  } while (0)

static fmi_os_writer writer;
static fmi_error err;

static fm_status write_text(const char *file, const char *text) {
  FMI_TRY(fmi_os_write_begin(&writer, file, &err));
  FMI_TRY(fmi_os_write(&writer, text, strlen(text), &err));
  return fmi_os_write_commit(&writer, &err);
}

static bool contains(fmi_memory *memory, const char *file, const char *text) {
  void *bytes = NULL;
  size_t n_bytes = 0;
  if (fmi_os_read_file(memory, file, &bytes, &n_bytes, &err) != FM_OK) return false;
  const bool same = n_bytes == strlen(text) && memcmp(bytes, text, n_bytes) == 0;
  fmi_free(memory, bytes);
  return same;
}

static int files(fmi_memory *memory) {
  const char *file = "m\xc3\xbc"
                     "sli.txt"; /* UTF-8 */
  const void *view = NULL;
  void *bytes = NULL;
  size_t n_bytes = 0;
  HOLDS(write_text(file, "old") == FM_OK && contains(memory, file, "old"));
  HOLDS(write_text(file, "new one") == FM_OK && contains(memory, file, "new one"));
  HOLDS(fmi_os_write_begin(&writer, file, &err) == FM_OK && fmi_os_write(&writer, "half", 4, &err) == FM_OK);
  fmi_os_write_abort(&writer);
  HOLDS(contains(memory, file, "new one"));
  HOLDS(fmi_os_map(file, &view, &n_bytes, &err) == FM_OK);
  HOLDS(n_bytes == 7 && memcmp(view, "new one", 7) == 0);
  fmi_os_unmap(view, n_bytes);
  HOLDS(write_text(file, "") == FM_OK && contains(memory, file, ""));
  HOLDS(fmi_os_map(file, &view, &n_bytes, &err) == FM_E_FORMAT);
  HOLDS(fmi_os_read_file(memory, "no such file", &bytes, &n_bytes, &err) == FM_E_IO);
  HOLDS(strstr(err.text, "cannot open 'no such file': ") != NULL);
  HOLDS(fmi_os_read_file(memory, ".", &bytes, &n_bytes, &err) == FM_E_IO);
  HOLDS(write_text("no such folder/file", "x") == FM_E_IO);
  HOLDS(write_text("folder/", "x") == FM_E_INVALID);
  HOLDS(fmi_os_read_file(memory, "\xff", &bytes, &n_bytes, &err) == FM_E_IO); /* no UTF-8 */
  return 0;
}

typedef struct tally {
  atomic_uint done[1000];
} tally;

static void count(void *arg, size_t i) { atomic_fetch_add(&((tally *)arg)->done[i], 1); }

/* Many short bursts, some after a pause in which the workers have blocked: each task once. */
static int threads(fmi_memory *memory) {
  static tally t;
  fm_ctx_options options;
  fm_ctx_options_init(&options);
  options.n_threads = 4;
  fmi_pool *pool = fmi_pool_create(memory, &options, &err);
  HOLDS(pool != NULL);
  for (unsigned burst = 1; burst <= 500; burst++) {
    for (double until = fmi_os_seconds() + (burst % 50 == 0 ? 2e-3 : 0); fmi_os_seconds() < until;)
      fmi_os_yield();
    HOLDS(fmi_pool_run(pool, FMI_COUNT(t.done), count, &t, &err) == FM_OK);
    for (size_t i = 0; i < FMI_COUNT(t.done); i++) HOLDS(atomic_load(&t.done[i]) == burst);
  }
  fmi_pool_destroy(pool);
  return 0;
}

int main(void) {
  const double began = fmi_os_seconds();
  fmi_memory *memory = fmi_memory_create(NULL);
  HOLDS(memory != NULL);
  if (files(memory) != 0 || threads(memory) != 0) return 1;
  fmi_memory_release(memory);
  const double took = fmi_os_seconds() - began;
  HOLDS(took > 0.01 && took < 100);
  return 0;
}
