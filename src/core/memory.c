/* memory.c - the only file that knows malloc. Everything a handle owns comes from the caller's allocator. */
#include "core/core.h"

#include <stdlib.h>
#ifdef _WIN32
#include <malloc.h>
/* Windows has no aligned_alloc, and these go in pairs. */
#define aligned_alloc(alignment, bytes) _aligned_malloc(bytes, alignment)
#define free(block) _aligned_free(block)
#endif

struct fmi_memory {
  atomic_uint refs;
  void *(*alloc)(void *user, size_t bytes, size_t alignment);
  void (*release)(void *user, void *block);
  void *user;
};

static void *system_alloc(void *user, size_t bytes, size_t alignment) {
  (void)user;
  if (bytes > SIZE_MAX - alignment) return NULL;
  return aligned_alloc(alignment, fmi_round_up(bytes, alignment));
}

static void system_release(void *user, void *block) {
  (void)user;
  free(block);
}

fmi_memory *fmi_memory_create(const fm_ctx_options *options) {
  bool own = options != NULL && options->alloc != NULL;
  void *user = own ? options->alloc_user : NULL;
  void *(*alloc)(void *, size_t, size_t) = own ? options->alloc : system_alloc;
  fmi_memory *memory = alloc(user, sizeof *memory, FMI_ALIGN);
  if (memory == NULL) return NULL;
  atomic_init(&memory->refs, 1);
  memory->alloc = alloc;
  memory->release = own ? options->release : system_release;
  memory->user = user;
  return memory;
}

void fmi_memory_retain(fmi_memory *memory) {
  atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
}

void fmi_memory_release(fmi_memory *memory) {
  if (atomic_fetch_sub_explicit(&memory->refs, 1, memory_order_acq_rel) == 1)
    memory->release(memory->user, memory);
}

size_t fmi_add_size(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

size_t fmi_mul_size(size_t a, size_t b) { return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

void *fmi_alloc(fmi_memory *memory, size_t count, size_t size, fmi_error *err) {
  size_t bytes = fmi_mul_size(count, size);
  /* PTRDIFF_MAX also keeps every later pointer difference defined. */
  void *block = bytes > PTRDIFF_MAX - FMI_ALIGN
                    ? NULL
                    : memory->alloc(memory->user, bytes == 0 ? FMI_ALIGN : bytes, FMI_ALIGN);
  if (block == NULL) {
    if (bytes == SIZE_MAX)
      fmi_fail(err, FM_E_NOMEM, "a size overflows: %zu items of %zu bytes", count, size);
    else
      fmi_fail(err, FM_E_NOMEM, "out of memory: %zu bytes were asked for", bytes);
    return NULL;
  }
  memset(block, 0, bytes);
  return block;
}

void fmi_free(fmi_memory *memory, void *block) {
  if (block != NULL) memory->release(memory->user, block);
}

void *fmi_arena_take(fmi_arena *arena, size_t count, size_t size) {
  size_t bytes = fmi_mul_size(count, size);
  if (bytes > SIZE_MAX - FMI_ALIGN || arena->used > SIZE_MAX - FMI_ALIGN - bytes) {
    arena->used = SIZE_MAX;
    return NULL;
  }
  void *piece = arena->base == NULL ? NULL : arena->base + arena->used;
  arena->used += fmi_round_up(bytes, FMI_ALIGN);
  return piece;
}
