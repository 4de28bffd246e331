#include "allocator.h"

#include <stdlib.h>

/* In front of every block: who made it, so that a stranger's block is recognised. */
#define HEADER 64u

typedef struct header {
  allocator *owner;
  uint64_t magic;
  size_t bytes;
} header;

#define MAGIC 0x6c69766520626c6bu

static void *take(void *user, size_t bytes, size_t alignment) {
  allocator *a = user;
  if (!pthread_equal(a->thread, pthread_self()) || alignment == 0 || alignment > HEADER ||
      (alignment & (alignment - 1)) != 0 || bytes == 0)
    a->n_strange++;
  a->n_calls++;
  if (a->fail_at > 0 && (a->n_calls == a->fail_at || (a->and_later && a->n_calls > a->fail_at))) {
    a->n_failed++;
    return NULL;
  }
  if (bytes > PTRDIFF_MAX - 2 * HEADER) return NULL;
  /* aligned_alloc wants a multiple; the exact end of the block is what a sanitizer needs to see. */
  void *base;
  if (posix_memalign(&base, HEADER, HEADER + bytes) != 0) return NULL;
  header *h = base;
  *h = (header){a, MAGIC, bytes};
  a->n_live++;
  /* Nobody may count on zeroed memory. */
  return memset((char *)base + HEADER, 0xa5, bytes);
}

static void give_back(void *user, void *block) {
  allocator *a = user;
  header *h = (header *)(void *)((char *)block - HEADER);
  if (!pthread_equal(a->thread, pthread_self()) || h->magic != MAGIC || h->owner != a) {
    a->n_strange++;
    return;
  }
  memset(h, 0x5a, HEADER + h->bytes);
  free(h);
  a->n_live--;
}

void allocator_init(allocator *a) { *a = (allocator){.thread = pthread_self()}; }

void allocator_arm(allocator *a, size_t fail_at, bool and_later) {
  a->fail_at = fail_at;
  a->and_later = and_later;
  a->n_calls = a->n_failed = 0;
}

void allocator_heal(allocator *a) { allocator_arm(a, 0, false); }

fm_ctx_options allocator_options(allocator *a, uint32_t n_threads) {
  fm_ctx_options o;
  fm_ctx_options_init(&o);
  o.alloc = take;
  o.release = give_back;
  o.alloc_user = a;
  o.n_threads = n_threads;
  return o;
}
