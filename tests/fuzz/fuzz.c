/* fuzz.c - see fuzz.h. */
#include "fuzz.h"

#include "io/safetensors.h"

#include <stdlib.h>

int fuzz_file(const uint8_t *input, size_t size, void **block, void **file, size_t *n_bytes) {
  if (size == 0) return -1;
  size_t shift = (input[0] & FUZZ_MISALIGN) != 0;
  *n_bytes = size - 1;
  *block = malloc(*n_bytes + shift);
  if (*block == NULL) return -1;
  *file = (char *)*block + shift;
  memcpy(*file, input + 1, *n_bytes);
  if ((input[0] & FUZZ_KEEP_CHECKSUM) == 0) fmi_safetensors_stamp(*file, *n_bytes);
  return 0;
}
