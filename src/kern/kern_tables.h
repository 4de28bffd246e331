/* kern_tables.h - the tables there are; dispatch.c chooses. */
#ifndef FMI_KERN_TABLES_H
#define FMI_KERN_TABLES_H

#include "kern/kern.h"

extern const fmi_kernels fmi_kernels_plain;

/* Where functions have reached their ends. An object in another file and not literals: gcc would follow a
   clamp's constant into the next comparison and make a dozen mask operations of two minima. */
typedef struct fmi_limits {
  real exp_low, exp_high;   /* exp is 0, or infinite, beyond */
  real near_low, near_high; /* exp is normal between */
  real expm1_low;           /* exp(x) - 1 is -1 below, to rounding */
  real far;                 /* a logistic function is 0 or 1 beyond, to rounding */
  real gelu_tanh;           /* the same for its argument there */
  real mish;                /* tanh(log(1 + exp(x))) is 1 above, to rounding */
} fmi_limits;
extern const fmi_limits fmi_kern_limits;

/* x86-64 builds with float only. */
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(FMI_DOUBLE)
#define FMI_HAVE_AVX2 1
extern const fmi_kernels fmi_kernels_avx2;
#endif

#endif
