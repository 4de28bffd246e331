/* kern_tables.h - the tables there are; dispatch.c chooses. */
#ifndef FMI_KERN_TABLES_H
#define FMI_KERN_TABLES_H

#include "kern/kern.h"

extern const fmi_kernels fmi_kernels_plain;

/* x86-64 builds with float only. */
#if (defined(__x86_64__) || defined(_M_X64)) && !defined(FMI_DOUBLE)
#define FMI_HAVE_AVX2 1
extern const fmi_kernels fmi_kernels_avx2;
#endif

#endif
