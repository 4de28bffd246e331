/* safetensors.h - the file format: an 8-byte little-endian header length, a JSON header, raw tensors
   (huggingface/safetensors, format description in its README). Every field is hostile until checked. */
#ifndef FMI_SAFETENSORS_H
#define FMI_SAFETENSORS_H

#include "core/core.h"

typedef enum fmi_dtype { FMI_F32, FMI_F64, FMI_I32, FMI_I64, FMI_U64 } fmi_dtype; /* U64: counters */

typedef struct fmi_tensor {
  const char *name; /* NUL-terminated */
  fmi_dtype dtype;
  uint32_t rank; /* 0 .. 4 */
  uint64_t shape[4];
  const void *data; /* little-endian, 8-byte aligned */
  size_t bytes;
} fmi_tensor;

/* Metadata is a table of text pairs. */
typedef struct fmi_pair {
  const char *key;
  const char *value;
} fmi_pair;

/* A parsed file; everything points into `bytes` or into blocks of its own. */
typedef struct fmi_safetensors {
  fmi_memory *memory;
  fmi_tensor *tensors;
  size_t n_tensors;
  fmi_pair *pairs;
  size_t n_pairs;
  void *block; /* owned storage of tables and unescaped texts */
} fmi_safetensors;

/* Parses and checks bytes (any alignment; they must outlive st): header length, JSON, dtypes, shapes times
   size equals offsets, offsets in order without holes or overlap and within the file, names unique, and the
   checksum that this library writes into the metadata (FM_E_CHECKSUM if it is missing or differs). Tensors
   not 8-byte aligned in memory are copied into `block`. */
fm_status fmi_safetensors_parse(fmi_memory *memory, const void *bytes, size_t n_bytes, fmi_safetensors *st,
                                fmi_error *err);
void fmi_safetensors_free(fmi_safetensors *st);
const fmi_tensor *fmi_safetensors_tensor(const fmi_safetensors *st, const char *name); /* NULL: none */
const char *fmi_safetensors_pair(const fmi_safetensors *st, const char *key);          /* NULL: none */

/* Writes a file atomically. Adds the checksum pair itself. Texts are UTF-8. */
fm_status fmi_safetensors_write(fmi_memory *memory, const char *file, const fmi_pair *pairs, size_t n_pairs,
                                const fmi_tensor *tensors, size_t n_tensors, fmi_error *err);

/* Numbers as text, exact and free of the host's locale. Doubles as hexadecimal floating point. */
void fmi_text_from_u64(char out[24], uint64_t value);
void fmi_text_from_double(char out[40], double value);
bool fmi_text_to_u64(const char *text, uint64_t *value);
bool fmi_text_to_double(const char *text, double *value); /* rejects NaN and infinity */
#endif
