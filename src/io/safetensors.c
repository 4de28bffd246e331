/* safetensors.c - what parsing and writing have in common. */
#include "io/safetensors.h"

const fmi_dtype_info fmi_dtypes[] = {
    [FMI_F32] = {"F32", 4}, [FMI_F64] = {"F64", 8}, [FMI_I32] = {"I32", 4},
    [FMI_I64] = {"I64", 8}, [FMI_U64] = {"U64", 8},
};

fm_status fmi_safetensors_check_host(fmi_error *err) {
  const uint32_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  if (first == 1) return FM_OK;
  return fmi_fail(err, FM_E_UNSUPPORTED, "model files need a little-endian machine");
}

bool fmi_tensor_bytes(const fmi_tensor *tensor, uint64_t *bytes) {
  uint64_t product = fmi_dtypes[tensor->dtype].size;
  for (uint32_t i = 0; i < tensor->rank; i++) {
    uint64_t extent = tensor->shape[i];
    if (extent != 0 && product > UINT64_MAX / extent) return false;
    product *= extent;
  }
  *bytes = product;
  return true;
}

/* Restores the heap order (no child is greater than its parent) below `root`. */
static void sift_down(const char **texts, size_t root, size_t n) {
  for (size_t child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && strcmp(texts[child], texts[child + 1]) < 0) child++;
    if (strcmp(texts[root], texts[child]) >= 0) return;
    const char *text = texts[root];
    texts[root] = texts[child];
    texts[child] = text;
  }
}

/* Heapsort: in place, where qsort may call malloc, and fast on whatever a hostile file makes up. */
const char *fmi_texts_repeated(const char **texts, size_t n) {
  for (size_t i = n / 2; i-- > 0;) sift_down(texts, i, n);
  for (size_t end = n; end-- > 1;) {
    const char *greatest = texts[0];
    texts[0] = texts[end];
    texts[end] = greatest;
    sift_down(texts, 0, end);
  }
  for (size_t i = 1; i < n; i++)
    if (strcmp(texts[i - 1], texts[i]) == 0) return texts[i];
  return NULL;
}

void fmi_safetensors_free(fmi_safetensors *st) {
  if (st->memory != NULL) {
    fmi_free(st->memory, st->block);
    fmi_free(st->memory, st->copies);
  }
  memset(st, 0, sizeof *st);
}

const fmi_tensor *fmi_safetensors_tensor(const fmi_safetensors *st, const char *name) {
  for (size_t i = 0; i < st->n_tensors; i++)
    if (strcmp(st->tensors[i].name, name) == 0) return &st->tensors[i];
  return NULL;
}

const char *fmi_safetensors_pair(const fmi_safetensors *st, const char *key) {
  for (size_t i = 0; i < st->n_pairs; i++)
    if (strcmp(st->pairs[i].key, key) == 0) return st->pairs[i].value;
  return NULL;
}
