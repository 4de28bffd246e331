/* safetensors_write.c - one file, written in one stream: length, header, tensors. */
#include "core/os.h"
#include "io/json.h"
#include "io/safetensors.h"

#define LENGTH_BYTES 8
#define DATA_ALIGN 64 /* of the first tensor in the file */

/* ---- what may be written ------------------------------------------------------------------------ */

static fm_status check_text(const char *what, const char *text, fmi_error *err) {
  if (text == NULL) return fmi_fail(err, FM_E_INVALID, "%s: expected a text, found NULL", what);
  if (fmi_utf8_valid(text, strlen(text))) return FM_OK;
  char shown[FMI_SHOWN];
  return fmi_fail(err, FM_E_INVALID, "%s '%s': expected UTF-8", what, fmi_shown(shown, text));
}

static fm_status check_tensor(const fmi_tensor *tensor, fmi_error *err) {
  char shown[FMI_SHOWN];
  uint64_t bytes;
  FMI_TRY(check_text("name of a tensor", tensor->name, err));
  fmi_shown(shown, tensor->name);
  if (strcmp(tensor->name, FMI_SAFETENSORS_METADATA) == 0)
    return fmi_fail(err, FM_E_INVALID, "tensor '%s': the name is taken by the format", shown);
  if ((unsigned)tensor->dtype >= FMI_COUNT(fmi_dtypes) || tensor->rank > FMI_COUNT(tensor->shape))
    return fmi_fail(err, FM_E_INVALID,
                    "tensor '%s': expected a dtype and a rank of at most 4, found %u and %u", shown,
                    (unsigned)tensor->dtype, tensor->rank);
  if (!fmi_tensor_bytes(tensor, &bytes) || bytes != tensor->bytes)
    return fmi_fail(err, FM_E_INVALID, "tensor '%s': its %zu bytes are not those of its dtype and shape",
                    shown, tensor->bytes);
  if (tensor->data == NULL && bytes != 0)
    return fmi_fail(err, FM_E_INVALID, "tensor '%s': data is NULL", shown);
  return FM_OK;
}

static fm_status check_unique(const char *what, const char **texts, size_t n, fmi_error *err) {
  char shown[FMI_SHOWN];
  const char *repeated = fmi_texts_repeated(texts, n);
  if (repeated == NULL) return FM_OK;
  return fmi_fail(err, FM_E_INVALID, "%s '%s' is given twice", what, fmi_shown(shown, repeated));
}

/* texts: room for all keys and the checksum's, and for all names. */
static fm_status check_input(const fmi_pair *pairs, size_t n_pairs, const fmi_tensor *tensors,
                             size_t n_tensors, const char **texts, fmi_error *err) {
  uint64_t total = 0;
  for (size_t i = 0; i < n_pairs; i++) {
    FMI_TRY(check_text("metadata key", pairs[i].key, err));
    FMI_TRY(check_text("metadata value", pairs[i].value, err));
    texts[i] = pairs[i].key;
  }
  texts[n_pairs] = FMI_CHECKSUM_KEY;
  FMI_TRY(check_unique("metadata key", texts, n_pairs + 1, err));
  for (size_t i = 0; i < n_tensors; i++) {
    FMI_TRY(check_tensor(&tensors[i], err));
    if (tensors[i].bytes > UINT64_MAX - total)
      return fmi_fail(err, FM_E_INVALID, "tensors: their sizes together overflow");
    total += tensors[i].bytes;
    texts[i] = tensors[i].name;
  }
  return check_unique("tensor", texts, n_tensors, err);
}

/* ---- the header --------------------------------------------------------------------------------- */

/* Text that grows; with bytes NULL it is only measured. */
typedef struct buffer {
  char *bytes;
  size_t used;
} buffer;

static void put(buffer *b, const char *text, size_t length) {
  if (b->bytes != NULL) memcpy(b->bytes + b->used, text, length);
  b->used = fmi_add_size(b->used, length);
}

static void put_text(buffer *b, const char *text) { put(b, text, strlen(text)); }

static void put_u64(buffer *b, uint64_t value) {
  char digits[24];
  fmi_text_from_u64(digits, value);
  put_text(b, digits);
}

/* A JSON string: only the quote, the backslash and control characters need an escape. */
static void put_string(buffer *b, const char *text) {
  static const char specials[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt", hex[] = "0123456789abcdef";
  put(b, "\"", 1);
  for (; *text != '\0'; text++) {
    const char *special = strchr(specials, *text);
    if (special != NULL) {
      put(b, (char[]){'\\', letters[special - specials]}, 2);
    } else if ((unsigned char)*text < ' ') {
      put(b, (char[]){'\\', 'u', '0', '0', hex[*text >> 4], hex[*text & 15]}, 6);
    } else {
      put(b, text, 1);
    }
  }
  put(b, "\"", 1);
}

static void put_tensor(buffer *b, const fmi_tensor *tensor, uint64_t begin) {
  put(b, ",", 1);
  put_string(b, tensor->name);
  put_text(b, ":{\"dtype\":");
  put_string(b, fmi_dtypes[tensor->dtype].name);
  put_text(b, ",\"shape\":[");
  for (uint32_t i = 0; i < tensor->rank; i++) {
    if (i > 0) put(b, ",", 1);
    put_u64(b, tensor->shape[i]);
  }
  put_text(b, "],\"data_offsets\":[");
  put_u64(b, begin);
  put(b, ",", 1);
  put_u64(b, begin + tensor->bytes);
  put_text(b, "]}");
}

/* All before the tensors. The length and the checksum are left 0; the checksum comes first, so that no
   other text can stand before it and look like it. */
static void put_head(buffer *b, const fmi_pair *pairs, size_t n_pairs, const fmi_tensor *tensors,
                     size_t n_tensors) {
  static const char no_length[LENGTH_BYTES], no_checksum[] = FMI_CHECKSUM_PREFIX "0000000000000000";
  put(b, no_length, LENGTH_BYTES);
  put_text(b, "{\"" FMI_SAFETENSORS_METADATA "\":{");
  put_string(b, FMI_CHECKSUM_KEY);
  put(b, ":", 1);
  put_string(b, no_checksum);
  for (size_t i = 0; i < n_pairs; i++) {
    put(b, ",", 1);
    put_string(b, pairs[i].key);
    put(b, ":", 1);
    put_string(b, pairs[i].value);
  }
  put(b, "}", 1);
  uint64_t begin = 0;
  for (size_t i = 0; i < n_tensors; i++) {
    put_tensor(b, &tensors[i], begin);
    begin += tensors[i].bytes;
  }
  put(b, "}", 1);
  while (b->used % DATA_ALIGN != 0 && b->used != SIZE_MAX) put(b, " ", 1);
}

static fm_status build_head(fmi_memory *memory, const fmi_pair *pairs, size_t n_pairs,
                            const fmi_tensor *tensors, size_t n_tensors, buffer *head, fmi_error *err) {
  buffer size = {0};
  put_head(&size, pairs, n_pairs, tensors, n_tensors);
  size_t length = size.used - LENGTH_BYTES;
  if (length > FMI_SAFETENSORS_MAX_HEADER)
    return fmi_fail(err, FM_E_INVALID,
                    "names and metadata: their header takes %zu bytes, at most %u are allowed", length,
                    FMI_SAFETENSORS_MAX_HEADER);
  *head = (buffer){.bytes = fmi_alloc(memory, size.used, 1, err)};
  if (head->bytes == NULL) return FM_E_NOMEM;
  put_head(head, pairs, n_pairs, tensors, n_tensors);
  for (int i = 0; i < LENGTH_BYTES; i++) head->bytes[i] = (char)((uint64_t)length >> (8 * i) & 0xff);
  fmi_checksum_stamp(head->bytes, head->used, tensors, n_tensors);
  return FM_OK;
}

/* ---- the file ----------------------------------------------------------------------------------- */

static fm_status write_file(const char *file, const buffer *head, const fmi_tensor *tensors, size_t n_tensors,
                            fmi_error *err) {
  fmi_os_writer writer; /* a failed write removes its temporary by itself */
  FMI_TRY(fmi_os_write_begin(&writer, file, err));
  FMI_TRY(fmi_os_write(&writer, head->bytes, head->used, err));
  for (size_t i = 0; i < n_tensors; i++)
    FMI_TRY(fmi_os_write(&writer, tensors[i].data, tensors[i].bytes, err));
  return fmi_os_write_commit(&writer, err);
}

fm_status fmi_safetensors_write(fmi_memory *memory, const char *file, const fmi_pair *pairs, size_t n_pairs,
                                const fmi_tensor *tensors, size_t n_tensors, fmi_error *err) {
  FMI_TRY(fmi_safetensors_check_host(err));
  const char **texts = fmi_alloc(memory, fmi_max(fmi_add_size(n_pairs, 1), n_tensors), sizeof *texts, err);
  if (texts == NULL) return FM_E_NOMEM;
  fm_status status = check_input(pairs, n_pairs, tensors, n_tensors, texts, err);
  fmi_free(memory, texts);
  FMI_TRY(status);
  buffer head = {0};
  FMI_TRY(build_head(memory, pairs, n_pairs, tensors, n_tensors, &head, err));
  status = write_file(file, &head, tensors, n_tensors, err);
  fmi_free(memory, head.bytes);
  return status;
}
