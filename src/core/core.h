/* core.h - what every part of the library stands on: numbers, errors, memory, handles. No mathematics. */
#ifndef FMI_CORE_H
#define FMI_CORE_H

#include "flowmatch_parts.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Networks and plain kernels compute in `real`. The library is built with float; a test-only double build
   (make check-double) holds derivatives to 1e-8 and reference numbers to 1e-12. */
#ifdef FMI_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#define FMI_ALIGN 64u
#define FMI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline size_t fmi_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t fmi_max(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t fmi_ceil_div(size_t a, size_t b) { return a / b + (a % b != 0); }
static inline size_t fmi_round_up(size_t a, size_t b) { return fmi_ceil_div(a, b) * b; }

/* ---- errors: a status and its text, in a fixed buffer ------------------------------------------ */

typedef struct fmi_error {
  fm_status status;
  char text[508];
} fmi_error;

/* Records status and text, and returns status. err may be NULL. */
#if defined(__GNUC__) && !defined(_WIN32) /* whose printf is checked by other rules than C's */
__attribute__((format(printf, 3, 4), cold))
#endif
fm_status
fmi_fail(fmi_error *err, fm_status status, const char *format, ...);

/* Puts what the message is about (a file) before it. */
void fmi_error_about(fmi_error *err, const char *subject);

/* Returns `status` from the calling function if it is not FM_OK. */
#define FMI_TRY(expression)                                                                                  \
  do {                                                                                                       \
    fm_status fmi_status_ = (expression);                                                                    \
    if (fmi_status_ != FM_OK) return fmi_status_;                                                            \
  } while (0)

/* ---- memory: the caller's allocator, shared by all that was made from its context ---------------- */

typedef struct fmi_memory fmi_memory;

fmi_memory *fmi_memory_create(const fm_ctx_options *options); /* NULL: out of memory */
void fmi_memory_retain(fmi_memory *memory);
void fmi_memory_release(fmi_memory *memory);

/* count * size zeroed bytes, 64-byte aligned. A product of 0 gives a valid block. NULL with FM_E_NOMEM in
   err, also on overflow. */
void *fmi_alloc(fmi_memory *memory, size_t count, size_t size, fmi_error *err);
void fmi_free(fmi_memory *memory, void *block);

/* a + b and a * b, SIZE_MAX on overflow (which no allocation survives). */
size_t fmi_add_size(size_t a, size_t b);
size_t fmi_mul_size(size_t a, size_t b);

/* Carves aligned pieces out of one block. With base NULL it only measures: run the same code twice, once to
   learn `used`, once to get the pieces. */
typedef struct fmi_arena {
  char *base;
  size_t used;
} fmi_arena;
void *fmi_arena_take(fmi_arena *arena, size_t count, size_t size);

/* ---- handles: reference counts ------------------------------------------------------------------ */

/* The first member of every handle but fm_ctx. destroy frees the handle and what it retained. */
typedef struct fmi_object {
  atomic_uint refs;
  fmi_memory *memory;
  void (*destroy)(void *self);
} fmi_object;

/* A zeroed handle of `bytes` with one reference; it retains memory. destroy is called at the last release,
   after which the caller's destroy must not touch it: call fmi_object_free from it as its last step. */
void *fmi_object_create(fmi_memory *memory, size_t bytes, void (*destroy)(void *self), fmi_error *err);
void fmi_object_free(void *self);
void *fmi_retain(const void *object); /* returns object; NULL is fine */
void fmi_release(const void *object); /* NULL is fine */

/* ---- options structs ---------------------------------------------------------------------------- */

/* Copies a caller's size-first struct into `copy` (zeroed, of `size` bytes): a shorter one keeps its
   defaults, a longer one is accepted only if its unknown bytes are zero. given may be NULL. */
fm_status fmi_options_read(fmi_error *err, const char *type, const void *given, void *copy, size_t size);
/* Checks the size that a caller's size-first struct says it has: before the work whose result it takes. */
fm_status fmi_struct_check(fmi_error *err, const char *argument, const void *given, size_t size);
/* Copies `full` (size-first) into the caller's possibly shorter or longer size-first struct. */
fm_status fmi_struct_write(fmi_error *err, const char *argument, const void *full, size_t size, void *given);

#endif
