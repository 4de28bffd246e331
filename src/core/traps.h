/* traps.h - a host may have floating-point operations trap (-ffpe-trap in Fortran, feenableexcept in C). The
   library computes with infinities and NaN on purpose and answers with a status, so it masks traps while a
   call runs; the host's rounding and flush to zero stay as they are. */
#ifndef FMI_TRAPS_H
#define FMI_TRAPS_H

#include <fenv.h>
#include <stdbool.h>

typedef struct fmi_traps {
  bool masked;
  fenv_t before;
} fmi_traps;

/* Masks them, and puts back what was, flags included. */
void fmi_traps_mask(fmi_traps *traps);
void fmi_traps_restore(fmi_traps *traps);

/* Declares what masks traps until the end of the block. */
#define FMI_MASK_TRAPS()                                                                                     \
  __attribute__((cleanup(fmi_traps_restore))) fmi_traps fmi_traps_;                                          \
  fmi_traps_mask(&fmi_traps_)

#endif
