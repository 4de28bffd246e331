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

/* A parsed file; everything points into `bytes` or into blocks of its own. Tensors and pairs are in the
   file's order; the checksum is one of the pairs. */
typedef struct fmi_safetensors {
  fmi_memory *memory;
  fmi_tensor *tensors;
  size_t n_tensors;
  fmi_pair *pairs;
  size_t n_pairs;
  void *block;  /* owned storage of tables and unescaped texts */
  void *copies; /* owned storage of tensors that were not aligned; NULL: none */
} fmi_safetensors;

/* Parses and checks bytes (any alignment; they must outlive st): header length, JSON, dtypes, shapes times
   size equals offsets, offsets in order without holes or overlap and within the file, names unique, and the
   checksum that this library writes into the metadata (FM_E_CHECKSUM if it is missing or differs). Tensors
   not 8-byte aligned in memory are copied into blocks of st. On failure st is empty. */
fm_status fmi_safetensors_parse(fmi_memory *memory, const void *bytes, size_t n_bytes, fmi_safetensors *st,
                                fmi_error *err);
void fmi_safetensors_free(fmi_safetensors *st); /* an empty or zeroed st is fine */
const fmi_tensor *fmi_safetensors_tensor(const fmi_safetensors *st, const char *name); /* NULL: none */
const char *fmi_safetensors_pair(const fmi_safetensors *st, const char *key);          /* NULL: none */

/* Writes a file atomically; the same input gives the same bytes. Adds the checksum pair itself. Texts are
   UTF-8. The first tensor is 64-byte aligned in the file; wider elements first keep the others aligned. */
fm_status fmi_safetensors_write(fmi_memory *memory, const char *file, const fmi_pair *pairs, size_t n_pairs,
                                const fmi_tensor *tensors, size_t n_tensors, fmi_error *err);

/* ---- shared by parsing and writing -------------------------------------------------------------- */

#define FMI_SAFETENSORS_MAX_HEADER 100000000u /* the format's own limit */
#define FMI_SAFETENSORS_METADATA "__metadata__"

/* A row of the table of element types, in the order of fmi_dtype. */
typedef struct fmi_dtype_info {
  const char *name;
  size_t size;
} fmi_dtype_info;
extern const fmi_dtype_info fmi_dtypes[FMI_U64 + 1];

/* Tensors are the host's own numbers: FM_E_UNSUPPORTED unless it is little-endian. */
fm_status fmi_safetensors_check_host(fmi_error *err);
/* The tensor's size from its dtype and shape; false if it overflows. */
bool fmi_tensor_bytes(const fmi_tensor *tensor, uint64_t *bytes);
/* Sorts texts; returns one that is there twice, or NULL. */
const char *fmi_texts_repeated(const char **texts, size_t n);

/* The checksum: described in safetensors_checksum.c. */
#define FMI_CHECKSUM_KEY "flowmatch.checksum"
#define FMI_CHECKSUM_PREFIX "xxh3:"
#define FMI_CHECKSUM_DIGITS 16
/* FM_E_CHECKSUM unless the bytes, a file with a header that lies within it, hold their checksum. */
fm_status fmi_checksum_verify(const void *bytes, size_t n_bytes, fmi_error *err);
/* Puts the checksum of head, followed by the tensors' data, into head: 8 bytes of length and the header. */
bool fmi_checksum_stamp(void *head, size_t n_head, const fmi_tensor *tensors, size_t n_tensors);
/* The hash of it, of any bytes. */
uint64_t fmi_hash(const void *bytes, size_t n_bytes);
/* Recomputes the checksum of a whole file in place. false: it has no place for one. */
bool fmi_safetensors_stamp(void *bytes, size_t n_bytes);

/* ---- numbers as text, exact and free of the host's locale: text.c ------------------------------- */

/* Doubles as hexadecimal floating point: "-0x1.8p+1", "0x0p+0". */
void fmi_text_from_u64(char out[24], uint64_t value);
void fmi_text_from_double(char out[40], double value);
/* Decimal digits, without sign or needless zeros. */
bool fmi_text_to_u64(const char *text, uint64_t *value);
bool fmi_text_span_to_u64(const char *text, size_t length, uint64_t *value); /* text without a NUL */
/* Reads hexadecimal floating point that a double holds exactly, and decimals of at most 15 digits with a
   power of ten of at most 22 either way: "3", "-0.25", "1e-3". Rejects NaN, infinity and all else. */
bool fmi_text_to_double(const char *text, double *value);
#endif
