#include "core/traps.h"

/* Of the control register for SSE, a set bit masks a trap. */
#define SSE_MASKS 0x1f80u

/* Whether any operation might trap: read where that is cheap, else assumed. */
static bool may_trap(void) {
#if defined(__SSE2__)
  return (__builtin_ia32_stmxcsr() & SSE_MASKS) != SSE_MASKS;
#else
  return true;
#endif
}

void fmi_traps_mask(fmi_traps *traps) {
  traps->masked = may_trap();
  if (traps->masked) feholdexcept(&traps->before);
}

void fmi_traps_restore(fmi_traps *traps) {
  if (traps->masked) fesetenv(&traps->before);
}
