/* allocator.h - a host's allocator that fails when told to and sees what a library may get wrong. */
#ifndef FM_TESTS_ALLOCATOR_H
#define FM_TESTS_ALLOCATOR_H

#include "flowmatch_eval.h"
#include "flowmatch_guide.h"
#include "flowmatch_parts.h"
#include "flowmatch_reflow.h"

#include <pthread.h>
#include <stdbool.h>

typedef struct allocator {
  size_t fail_at;   /* the call that fails, counted from 1 after arming; 0: none */
  bool and_later;   /* every call from that one on fails too */
  size_t n_calls;   /* since arming */
  size_t n_failed;  /* since arming */
  size_t n_live;    /* blocks not released */
  size_t n_strange; /* calls from another thread, bad alignments, blocks that are not ours */
  pthread_t thread;
} allocator;

/* For the calling thread. */
void allocator_init(allocator *a);
void allocator_arm(allocator *a, size_t fail_at, bool and_later);
void allocator_heal(allocator *a);
/* Context options with this allocator. */
fm_ctx_options allocator_options(allocator *a, uint32_t n_threads);

#endif
