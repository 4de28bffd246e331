/* Any bytes as a safetensors file: refused, or parsed into tables that hold what they promise. */
#include "fuzz.h"

#include "io/safetensors.h"

#include <stdlib.h>

#define PROMISE(condition)                                                                                   \
  do {                                                                                                       \
    if (!(condition)) abort();                                                                               \
  } while (0)

/* Reads every byte that the tables point to. */
static void check_tables(const fmi_safetensors *st, size_t n_bytes) {
  size_t total = 0;
  for (size_t i = 0; i < st->n_tensors; i++) {
    const fmi_tensor *t = &st->tensors[i];
    uint64_t bytes;
    PROMISE(t->rank <= 4 && t->dtype <= FMI_U64 && (uintptr_t)t->data % 8 == 0);
    PROMISE(fmi_tensor_bytes(t, &bytes) && bytes == t->bytes);
    PROMISE(fmi_safetensors_tensor(st, t->name) == t);
    unsigned sum = 0;
    for (size_t b = 0; b < t->bytes; b++) sum += ((const unsigned char *)t->data)[b];
    PROMISE(sum <= 255 * t->bytes);
    total += t->bytes;
  }
  PROMISE(total < n_bytes);
  for (size_t i = 0; i < st->n_pairs; i++)
    PROMISE(fmi_safetensors_pair(st, st->pairs[i].key) == st->pairs[i].value);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  void *block, *file;
  size_t n_bytes;
  if (fuzz_file(input, size, &block, &file, &n_bytes) != 0) return 0;
  fmi_memory *memory = fmi_memory_create(NULL);
  fmi_safetensors st;
  fmi_error err = {0};
  fm_status status = fmi_safetensors_parse(memory, file, n_bytes, &st, &err);
  if (status == FM_OK)
    check_tables(&st, n_bytes);
  else
    PROMISE(status < 0 && err.status == status && err.text[0] != '\0' && st.block == NULL);
  fmi_safetensors_free(&st);
  fmi_memory_release(memory);
  free(block);
  return 0;
}
