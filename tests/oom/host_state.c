#define _GNU_SOURCE /* sigaltstack, where POSIX has it as an extension */
#include "host_state.h"

#include <fcntl.h>
#include <fenv.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* NULL where the process has no such library. */
extern int openblas_get_num_threads(void) __attribute__((weak));
extern intptr_t bli_thread_get_num_threads(void) __attribute__((weak));
extern int omp_get_max_threads(void) __attribute__((weak));
extern int omp_get_dynamic(void) __attribute__((weak));

static void get_floating_point(host_state *s) {
  s->rounding = (uint32_t)fegetround();
#if defined(__x86_64__)
  uint16_t control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  s->control = control;
  s->simd_control = __builtin_ia32_stmxcsr() & ~0x3fu;
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  s->control = (uint32_t)control;
#endif
}

static void get_signals(host_state *s) {
  for (int i = 1; i < N_SIGNALS; i++)
    sigaction(i, NULL, &s->actions[i]); /* fails for two of the C library's */
  pthread_sigmask(SIG_SETMASK, NULL, &s->mask);
  sigaltstack(NULL, &s->signal_stack);
  getitimer(ITIMER_REAL, &s->timer);
}

static uint64_t hash_environment(void) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
    for (const char *at = *entry;; at++) {
      hash = (hash ^ (unsigned char)*at) * 1099511628211u;
      if (*at == '\0') break;
    }
  return hash;
}

static uint64_t list_files(void) {
  uint64_t files = 0;
  for (int fd = 0; fd < 63; fd++)
    if (fcntl(fd, F_GETFD) >= 0) files |= (uint64_t)1 << fd;
  return files;
}

void host_state_get(host_state *s) {
  memset(s, 0, sizeof *s);
  get_floating_point(s);
  get_signals(s);
  const char *locale = setlocale(LC_ALL, NULL);
  strncpy(s->locale, locale != NULL ? locale : "", sizeof s->locale - 1);
  s->thread_locale = uselocale((locale_t)0);
  s->file_mask = umask(077);
  umask(s->file_mask);
  if (getcwd(s->folder, sizeof s->folder) == NULL) s->folder[0] = '\0';
  s->environment = hash_environment();
  s->open_files = list_files();
  for (int i = 0; i < N_LIMITS && i < RLIM_NLIMITS; i++) getrlimit(i, &s->limits[i]);
  s->priority = getpriority(PRIO_PROCESS, 0);
  if (openblas_get_num_threads != NULL) s->blas_threads = openblas_get_num_threads();
  if (bli_thread_get_num_threads != NULL) s->blas_threads = (int)bli_thread_get_num_threads();
  if (omp_get_max_threads != NULL) s->omp_threads = omp_get_max_threads();
  if (omp_get_dynamic != NULL) s->omp_dynamic = omp_get_dynamic();
}

static bool same_masks(const sigset_t *a, const sigset_t *b) {
  for (int i = 1; i < N_SIGNALS; i++)
    if (sigismember(a, i) != sigismember(b, i)) return false;
  return true;
}

static bool same_actions(const struct sigaction *a, const struct sigaction *b) {
  return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags && same_masks(&a->sa_mask, &b->sa_mask);
}

static const char *signal_difference(const host_state *a, const host_state *b) {
  for (int i = 1; i < N_SIGNALS; i++)
    if (!same_actions(&a->actions[i], &b->actions[i])) return "what is done with a signal";
  if (!same_masks(&a->mask, &b->mask)) return "the thread's signal mask";
  if (a->signal_stack.ss_sp != b->signal_stack.ss_sp || a->signal_stack.ss_flags != b->signal_stack.ss_flags)
    return "the stack for signals";
  return memcmp(&a->timer.it_interval, &b->timer.it_interval, sizeof a->timer.it_interval) != 0 ? "a timer"
                                                                                                : NULL;
}

const char *host_state_difference(const host_state *a, const host_state *b) {
  const struct {
    bool same;
    const char *what;
  } each[] = {
      {a->rounding == b->rounding, "the rounding direction"},
      {a->control == b->control, "the floating-point control word"},
      {a->simd_control == b->simd_control, "flush to zero or the traps of floating point"},
      {strcmp(a->locale, b->locale) == 0, "the locale"},
      {a->thread_locale == b->thread_locale, "the thread's locale"},
      {a->file_mask == b->file_mask, "umask"},
      {strcmp(a->folder, b->folder) == 0, "the working directory"},
      {a->environment == b->environment, "the environment"},
      {a->open_files == b->open_files, "open files"},
      {memcmp(a->limits, b->limits, sizeof a->limits) == 0, "a resource limit"},
      {a->priority == b->priority, "the priority"},
      {a->blas_threads == b->blas_threads, "the threads of the BLAS"},
      {a->omp_threads == b->omp_threads && a->omp_dynamic == b->omp_dynamic, "the threads of OpenMP"},
  };
  for (size_t i = 0; i < sizeof each / sizeof *each; i++)
    if (!each[i].same) return each[i].what;
  return signal_difference(a, b);
}
