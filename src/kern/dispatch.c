/* dispatch.c - which table this machine can run. Asked of the processor each time, kept nowhere: the
   compiler's own helper for it would bring a constructor into the host. */
#include "kern/kern_tables.h"

#ifdef FMI_DOUBLE
const fmi_limits fmi_kern_limits = {-746, 710, -700, 700, -40, 700, 45, 20};
#else
const fmi_limits fmi_kern_limits = {-104, 89, -87, 88, -18, 87, 22, 20};
#endif

#ifdef FMI_HAVE_AVX2
#include <cpuid.h>

#define CPU_FMA (1u << 12)     /* leaf 1, ecx */
#define CPU_OSXSAVE (1u << 27) /* leaf 1, ecx: xgetbv may be used */
#define CPU_AVX (1u << 28)     /* leaf 1, ecx */
#define CPU_AVX2 (1u << 5)     /* leaf 7, ebx */
#define OS_SAVES_YMM 6u        /* xcr0: vector registers, both halves */

static bool has_avx2(void) {
  uint32_t a, b, c, d;
  const uint32_t needed = CPU_FMA | CPU_OSXSAVE | CPU_AVX;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & needed) != needed) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & CPU_AVX2) == 0) return false;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & OS_SAVES_YMM) == OS_SAVES_YMM;
}
#endif

const fmi_kernels *fmi_kernels_get(uint32_t isa) {
#ifdef FMI_HAVE_AVX2
  if ((isa == FM_ISA_AUTO || isa == FM_ISA_AVX2) && has_avx2()) return &fmi_kernels_avx2;
#endif
  return isa == FM_ISA_AUTO || isa == FM_ISA_PLAIN ? &fmi_kernels_plain : NULL;
}
