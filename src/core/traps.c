#include "core/traps.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

/* Whether any operation might trap: read where that is cheap, else assumed. */
static bool may_trap(void) {
#if defined(__SSE2__)
  return (_mm_getcsr() & _MM_MASK_MASK) != _MM_MASK_MASK;
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
