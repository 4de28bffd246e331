/* Any bytes as a .npy file: refused, or rows that can all be read. */
#include "fuzz.h"

#include "data/npy.h"

#include <stdlib.h>

#define MOST_COLUMNS 4096u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  uint8_t *file = malloc(size); /* of its exact size, so that a sanitizer sees every read beyond it */
  fmi_npy npy;
  fmi_error err = {0};
  if (file == NULL) return 0;
  if (size) memcpy(file, input, size);
  if (fmi_npy_parse(file, size, &npy, &err) != FM_OK) {
    if (err.text[0] == '\0') abort();
  } else if (npy.n_columns <= MOST_COLUMNS) {
    double row[MOST_COLUMNS];
    fmi_npy_row(&npy, file, 0, row);
    fmi_npy_row(&npy, file, npy.n_rows - 1, row);
  }
  free(file);
  return 0;
}
