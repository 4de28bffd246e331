/* kern_plain.c - the kernels of every machine: C that compilers vectorise for whatever they compile for. */
#include "kern/kern_tables.h"
#include "kern/loops.inc.h"

/* Vectors of 16 bytes, which every machine with vectors has. 2 x 16 floats are 8 of at least 16 registers. */
#define FMI_MR 2
typedef real vec __attribute__((vector_size(16)));
#ifdef FMI_DOUBLE
FMI_INLINE vec vec_splat(real x) { return (vec){x, x}; }
#else
FMI_INLINE vec vec_splat(real x) { return (vec){x, x, x, x}; }
#endif
FMI_INLINE vec vec_mad(vec a, vec b, vec c) {
  for (size_t i = 0; i < sizeof(vec) / sizeof(real); i++) c[i] = mad(a[i], b[i], c[i]);
  return c;
}
#include "kern/gemm.inc.h"

typedef double wide __attribute__((vector_size(16)));
typedef int64_t wide_int __attribute__((vector_size(16)));
FMI_INLINE wide_int wide_choose_int(wide_int mask, wide_int a, wide_int b) {
  return (mask & a) | (~mask & b);
}
FMI_INLINE wide wide_least(wide a, wide b) { return (wide)wide_choose_int(a < b, (wide_int)a, (wide_int)b); }
#include "kern/pairs.inc.h"

static void pack_transposed(size_t k, const real *b, size_t b_col, real *packed) {
  for (size_t p = 0; p < k; p++) {
    for (size_t j = 0; j < FMI_NR; j++) packed[p * FMI_NR + j] = b[p + j * b_col];
  }
}
#define FMI_PACK_TRANSPOSED pack_transposed
#include "kern/pack.inc.h"

const fmi_kernels fmi_kernels_plain = FMI_KERNELS("plain", FM_ISA_PLAIN);
