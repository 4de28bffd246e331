/* Any bytes as a model file, through the public door. */
#include "fuzz.h"

#include "flowmatch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  void *block, *file;
  size_t n_bytes;
  if (fuzz_file(input, size, &block, &file, &n_bytes) != 0) return 0;
  fm_ctx *ctx = NULL;
  if (fm_ctx_create(NULL, &ctx) == FM_OK) {
    fm_model *model = NULL;
    fm_status status = fm_model_load_memory(ctx, file, n_bytes, &model);
    if ((status == FM_OK) != (model != NULL)) abort();
    if (status != FM_OK && fm_ctx_message(ctx)[0] == '\0') abort();
    fm_model_destroy(model);
    fm_ctx_destroy(ctx);
  }
  free(block);
  return 0;
}
