/* host_state.h - all that belongs to the host's process and that a guest must leave alone. */
#ifndef FM_TESTS_HOST_STATE_H
#define FM_TESTS_HOST_STATE_H

#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>

enum { N_SIGNALS = 65, N_LIMITS = 16 };

typedef struct host_state {
  uint32_t rounding, control, simd_control; /* floating point: without the flags that every operation sets */
  struct sigaction actions[N_SIGNALS];
  sigset_t mask;
  stack_t signal_stack;
  struct itimerval timer;
  char locale[256];
  locale_t thread_locale;
  mode_t file_mask;
  char folder[1024];
  uint64_t environment; /* a hash of environ */
  uint64_t open_files;  /* the set of descriptors below 63 */
  struct rlimit limits[N_LIMITS];
  int priority;
  int blas_threads, omp_threads, omp_dynamic; /* 0: there is no such library in the process */
} host_state;

void host_state_get(host_state *state);
/* What differs, or NULL. */
const char *host_state_difference(const host_state *a, const host_state *b);

#endif
