/* safetensors_parse.c - from the bytes of a file to tables of tensors and text pairs.

   Order of belief: the header's length against the file's size, then the checksum over all bytes, then the
   JSON, then what it says. Nothing is read through a number that was not checked before. */
#include "io/json.h"
#include "io/safetensors.h"

#define LENGTH_BYTES 8
#define TENSOR_ALIGN 8

typedef struct reader {
  fmi_json json;
  fmi_safetensors *st;
  char *texts;      /* where the next unescaped text goes */
  const char *data; /* the bytes after the header */
  uint64_t n_data;
  uint64_t used; /* of them, by the tensors so far */
  fmi_error *err;
} reader;

/* ---- one tensor --------------------------------------------------------------------------------- */

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

typedef struct entry {
  fmi_tensor tensor;
  uint64_t begin, end; /* data_offsets */
  unsigned has;
} entry;

static fm_status bad_tensor(reader *r, fm_status status, const entry *e, const char *problem) {
  char shown[FMI_SHOWN];
  return fmi_fail(r->err, status, "tensor '%s': %s", fmi_shown(shown, e->tensor.name), problem);
}

static fm_status read_dtype(reader *r, entry *e) {
  const char *name;
  FMI_TRY(fmi_json_string(&r->json, &r->texts, &name));
  for (size_t i = 0; i < FMI_COUNT(fmi_dtypes); i++) {
    if (strcmp(name, fmi_dtypes[i].name) == 0) {
      e->tensor.dtype = (fmi_dtype)i;
      return FM_OK;
    }
  }
  char shown_tensor[FMI_SHOWN], shown_name[FMI_SHOWN];
  return fmi_fail(r->err, FM_E_UNSUPPORTED, "tensor '%s': dtype '%s' is none of F32, F64, I32, I64, U64",
                  fmi_shown(shown_tensor, e->tensor.name), fmi_shown(shown_name, name));
}

static fm_status read_shape(reader *r, entry *e) {
  size_t rank;
  FMI_TRY(fmi_json_enter_array(&r->json, &rank));
  if (rank > FMI_COUNT(e->tensor.shape))
    return bad_tensor(r, FM_E_UNSUPPORTED, e, "its shape has more than 4 extents");
  e->tensor.rank = (uint32_t)rank;
  for (size_t i = 0; i < rank; i++) FMI_TRY(fmi_json_u64(&r->json, &e->tensor.shape[i]));
  return fmi_json_leave(&r->json);
}

static fm_status read_offsets(reader *r, entry *e) {
  size_t n;
  FMI_TRY(fmi_json_enter_array(&r->json, &n));
  if (n != 2) return bad_tensor(r, FM_E_FORMAT, e, "data_offsets are not two numbers");
  FMI_TRY(fmi_json_u64(&r->json, &e->begin));
  FMI_TRY(fmi_json_u64(&r->json, &e->end));
  return fmi_json_leave(&r->json);
}

static fm_status read_field(reader *r, entry *e) {
  static const struct field {
    const char *name;
    unsigned bit;
    fm_status (*read)(reader *r, entry *e);
  } fields[] = {
      {"dtype", HAS_DTYPE, read_dtype},
      {"shape", HAS_SHAPE, read_shape},
      {"data_offsets", HAS_OFFSETS, read_offsets},
  };
  const char *key;
  FMI_TRY(fmi_json_key(&r->json, &r->texts, &key));
  for (size_t i = 0; i < FMI_COUNT(fields); i++) {
    if (strcmp(key, fields[i].name) != 0) continue;
    if (e->has & fields[i].bit) return bad_tensor(r, FM_E_FORMAT, e, "a field is there twice");
    e->has |= fields[i].bit;
    return fields[i].read(r, e);
  }
  return bad_tensor(r, FM_E_FORMAT, e, "it has a field that is none of dtype, shape, data_offsets");
}

/* Tensors lie one after the other from the first byte after the header. */
static fm_status place_tensor(reader *r, entry *e) {
  uint64_t bytes;
  if (e->has != HAS_ALL) return bad_tensor(r, FM_E_FORMAT, e, "it lacks one of dtype, shape, data_offsets");
  if (e->begin > e->end)
    return bad_tensor(r, FM_E_FORMAT, e, "data_offsets: the end is before the beginning");
  if (e->end > r->n_data) return bad_tensor(r, FM_E_FORMAT, e, "data_offsets: they reach beyond the file");
  if (e->begin < r->used)
    return bad_tensor(r, FM_E_FORMAT, e, "data_offsets: it overlaps another or is out of order");
  if (e->begin > r->used) return bad_tensor(r, FM_E_FORMAT, e, "data_offsets: a hole is before it");
  if (!fmi_tensor_bytes(&e->tensor, &bytes))
    return bad_tensor(r, FM_E_FORMAT, e, "the size of its shape overflows");
  if (bytes != e->end - e->begin)
    return bad_tensor(r, FM_E_FORMAT, e, "data_offsets: they don't fit its dtype and shape");
  e->tensor.data = r->data + e->begin;
  e->tensor.bytes = (size_t)bytes;
  r->used = e->end;
  return FM_OK;
}

static fm_status read_tensor(reader *r, const char *name) {
  entry e = {.tensor.name = name};
  size_t n_fields;
  FMI_TRY(fmi_json_enter_object(&r->json, &n_fields));
  for (size_t i = 0; i < n_fields; i++) FMI_TRY(read_field(r, &e));
  FMI_TRY(fmi_json_leave(&r->json));
  FMI_TRY(place_tensor(r, &e));
  r->st->tensors[r->st->n_tensors++] = e.tensor;
  return FM_OK;
}

/* ---- the header --------------------------------------------------------------------------------- */

static fm_status read_metadata(reader *r) {
  size_t n_pairs;
  FMI_TRY(fmi_json_enter_object(&r->json, &n_pairs));
  for (size_t i = 0; i < n_pairs; i++) {
    fmi_pair *pair = &r->st->pairs[r->st->n_pairs];
    FMI_TRY(fmi_json_key(&r->json, &r->texts, &pair->key));
    FMI_TRY(fmi_json_string(&r->json, &r->texts, &pair->value));
    r->st->n_pairs++;
  }
  return fmi_json_leave(&r->json);
}

static fm_status read_members(reader *r, size_t n_members) {
  bool had_metadata = false;
  for (size_t i = 0; i < n_members; i++) {
    const char *name;
    FMI_TRY(fmi_json_key(&r->json, &r->texts, &name));
    if (strcmp(name, FMI_SAFETENSORS_METADATA) != 0) {
      FMI_TRY(read_tensor(r, name));
      continue;
    }
    if (had_metadata)
      return fmi_fail(r->err, FM_E_FORMAT, "the header has " FMI_SAFETENSORS_METADATA " twice");
    had_metadata = true;
    FMI_TRY(read_metadata(r));
  }
  FMI_TRY(fmi_json_leave(&r->json));
  FMI_TRY(fmi_json_end(&r->json));
  if (r->used != r->n_data)
    return fmi_fail(r->err, FM_E_FORMAT, "tensors take %llu bytes, but %llu follow the header",
                    (unsigned long long)r->used, (unsigned long long)r->n_data);
  return FM_OK;
}

/* Room for the tables and for all texts. The sizes are upper bounds that the header itself gives. */
static fm_status read_header(reader *r) {
  size_t n_members, n_pairs = fmi_json_widest(&r->json);
  FMI_TRY(fmi_json_enter_object(&r->json, &n_members));
  fmi_arena arena = {0};
  for (int pass = 0; pass < 2; pass++) { /* the first one measures */
    arena.used = 0;
    r->st->tensors = fmi_arena_take(&arena, n_members, sizeof(fmi_tensor));
    r->st->pairs = fmi_arena_take(&arena, n_pairs, sizeof(fmi_pair));
    r->texts = fmi_arena_take(&arena, r->json.length, 1);
    if (pass == 0) {
      r->st->block = arena.base = fmi_alloc(r->st->memory, arena.used, 1, r->err);
      if (arena.base == NULL) return FM_E_NOMEM;
    }
  }
  return read_members(r, n_members);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static fm_status check_unique(const fmi_safetensors *st, fmi_error *err) {
  const char **texts = fmi_alloc(st->memory, fmi_max(st->n_tensors, st->n_pairs), sizeof *texts, err);
  if (texts == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < st->n_tensors; i++) texts[i] = st->tensors[i].name;
  const char *kind = "tensor", *repeated = fmi_texts_repeated(texts, st->n_tensors);
  if (repeated == NULL) {
    for (size_t i = 0; i < st->n_pairs; i++) texts[i] = st->pairs[i].key;
    kind = "metadata key";
    repeated = fmi_texts_repeated(texts, st->n_pairs);
  }
  fmi_free(st->memory, texts);
  if (repeated == NULL) return FM_OK;
  char shown[FMI_SHOWN];
  return fmi_fail(err, FM_E_FORMAT, "%s '%s' is there twice", kind, fmi_shown(shown, repeated));
}

static bool is_aligned(const fmi_tensor *tensor) { return (uintptr_t)tensor->data % TENSOR_ALIGN == 0; }

/* Copies the tensors that are not aligned: none in our own files unless the caller's bytes are odd, or
   narrow elements stand before wide ones. */
static fm_status align_tensors(fmi_safetensors *st, fmi_error *err) {
  size_t total = 0;
  bool any = false;
  for (size_t i = 0; i < st->n_tensors; i++) {
    if (is_aligned(&st->tensors[i])) continue;
    any = true;
    total = fmi_add_size(total,
                         fmi_add_size(st->tensors[i].bytes, TENSOR_ALIGN - 1) & ~(size_t)(TENSOR_ALIGN - 1));
  }
  if (!any) return FM_OK;
  char *to = st->copies = fmi_alloc(st->memory, total, 1, err);
  if (to == NULL) return FM_E_NOMEM;
  for (size_t i = 0; i < st->n_tensors; i++) {
    fmi_tensor *tensor = &st->tensors[i];
    if (is_aligned(tensor)) continue;
    memcpy(to, tensor->data, tensor->bytes);
    tensor->data = to;
    to += fmi_round_up(tensor->bytes, TENSOR_ALIGN);
  }
  return FM_OK;
}

static fm_status read_header_length(const unsigned char *bytes, size_t n_bytes, size_t *length,
                                    fmi_error *err) {
  if (n_bytes < LENGTH_BYTES)
    return fmi_fail(err, FM_E_FORMAT, "not a safetensors file: it has %zu bytes, less than the 8 of a length",
                    n_bytes);
  uint64_t value = 0;
  for (int i = LENGTH_BYTES - 1; i >= 0; i--) value = value << 8 | bytes[i];
  if (value > FMI_SAFETENSORS_MAX_HEADER)
    return fmi_fail(err, FM_E_FORMAT, "not a safetensors file: header of %llu bytes, at most %u are allowed",
                    (unsigned long long)value, FMI_SAFETENSORS_MAX_HEADER);
  if (value > n_bytes - LENGTH_BYTES)
    return fmi_fail(err, FM_E_FORMAT, "header of %llu bytes in a file of %zu: cut, or not a safetensors file",
                    (unsigned long long)value, n_bytes);
  *length = (size_t)value;
  return FM_OK;
}

static fm_status parse_header(reader *r, const char *header, size_t length) {
  fm_status status = fmi_json_open(&r->json, r->st->memory, header, length, r->err);
  if (status == FM_OK && header[0] != '{') /* the format forbids white space before it */
    status = fmi_fail(r->err, FM_E_FORMAT, "JSON header, byte 0: expected '{'");
  if (status == FM_OK) status = read_header(r);
  fmi_json_close(&r->json);
  return status;
}

fm_status fmi_safetensors_parse(fmi_memory *memory, const void *bytes, size_t n_bytes, fmi_safetensors *st,
                                fmi_error *err) {
  *st = (fmi_safetensors){0};
  size_t length = 0;
  FMI_TRY(fmi_safetensors_check_host(err));
  FMI_TRY(read_header_length(bytes, n_bytes, &length, err));
  FMI_TRY(fmi_checksum_verify(bytes, n_bytes, err)); /* so the header is not empty */
  const char *header = (const char *)bytes + LENGTH_BYTES;
  st->memory = memory;
  reader r = {.st = st, .err = err, .data = header + length, .n_data = n_bytes - LENGTH_BYTES - length};
  fm_status status = parse_header(&r, header, length);
  if (status == FM_OK) status = check_unique(st, err);
  if (status == FM_OK) status = align_tensors(st, err);
  if (status != FM_OK) fmi_safetensors_free(st);
  return status;
}
