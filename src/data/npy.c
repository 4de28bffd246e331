/* npy.c - see npy.h: a header that is hostile until checked, and rows of any type, byte order and axis
   order. */
#include "data/npy.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6u

/* ---- items ----------------------------------------------------------------------------------------- */

static uint64_t load_bits(const unsigned char *bytes, size_t size, bool big) {
  uint64_t bits = 0;
  for (size_t i = 0; i < size; i++) bits = bits << 8 | bytes[big ? i : size - 1 - i];
  return bits;
}

static double from_float(uint64_t bits) {
  uint32_t narrow = (uint32_t)bits;
  float value;
  memcpy(&value, &narrow, sizeof value);
  return value;
}

static double from_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double from_u64(uint64_t bits) { return (double)bits; }
static double from_i8(uint64_t bits) { return (double)(int64_t)((bits ^ 0x80u) - 0x80u); }
static double from_i16(uint64_t bits) { return (double)(int64_t)((bits ^ 0x8000u) - 0x8000u); }
static double from_i32(uint64_t bits) { return (double)(int64_t)((bits ^ 0x80000000u) - 0x80000000u); }
static double from_i64(uint64_t bits) { return (double)(int64_t)bits; }

static const fmi_npy_type types[] = {
    {"u1", 1, from_u64}, {"b1", 1, from_u64},   {"i1", 1, from_i8},     {"u2", 2, from_u64},
    {"i2", 2, from_i16}, {"u4", 4, from_u64},   {"i4", 4, from_i32},    {"u8", 8, from_u64},
    {"i8", 8, from_i64}, {"f4", 4, from_float}, {"f8", 8, from_double},
};

bool fmi_npy_is_float(const fmi_npy *npy) { return npy->type->code[0] == 'f'; }

static bool is_big_endian(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 0;
}

/* ---- the header: a dict in a text without terminator -------------------------------------------------- */

typedef struct text {
  const char *at, *end;
} text;

static fm_status bad(fmi_error *err, const char *why) {
  return fmi_fail(err, FM_E_FORMAT, "not a .npy file that can be read: %s", why);
}

static void skip(text *t, const char *these) {
  while (t->at < t->end && *t->at != '\0' && strchr(these, *t->at)) t->at++;
}

static bool take(text *t, char c) {
  if (t->at == t->end || *t->at != c) return false;
  t->at++;
  return true;
}

/* Moves to what follows "'key':". The keys are fixed words that no value contains. */
static bool find_value(text dict, const char *key, text *out) {
  size_t length = strlen(key);
  for (text t = dict; (size_t)(t.end - t.at) > length + 2; t.at++) {
    if ((t.at[0] != '\'' && t.at[0] != '"') || memcmp(t.at + 1, key, length) != 0 ||
        t.at[length + 1] != t.at[0])
      continue;
    *out = (text){t.at + length + 2, t.end};
    skip(out, " ");
    if (!take(out, ':')) continue;
    skip(out, " ");
    return true;
  }
  return false;
}

static fm_status parse_type(text dict, fmi_npy *npy, fmi_error *err) {
  text t;
  if (!find_value(dict, "descr", &t)) return bad(err, "no data type");
  if (take(&t, '['))
    return fmi_fail(err, FM_E_FORMAT, "expected plain numbers, found records; save one array of numbers");
  if (!take(&t, '\'') && !take(&t, '"')) return bad(err, "no data type");
  const char *code = t.at;
  while (t.at < t.end && *t.at != '\'' && *t.at != '"') t.at++;
  size_t length = (size_t)(t.at - code);
  char order = length > 0 && *code != '\0' && strchr("<>=|", *code) ? *code : '\0';
  if (order) code++, length--;
  for (size_t i = 0; i < FMI_COUNT(types); i++)
    if (length == strlen(types[i].code) && memcmp(types[i].code, code, length) == 0) npy->type = &types[i];
  if (npy->type == NULL)
    return fmi_fail(err, FM_E_UNSUPPORTED, "numbers of type '%.*s' can't be read; save them as f8",
                    (int)fmi_min(length, 40), code);
  npy->big = order == '>' || (order != '<' && is_big_endian());
  return FM_OK;
}

/* A length below SIZE_MAX / 8, so that products can be checked. */
static bool take_length(text *t, size_t *out) {
  size_t length = 0;
  const char *begin = t->at;
  for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
    if (length > SIZE_MAX / 8 / 10 - 1) return false;
    length = 10 * length + (size_t)(*t->at - '0');
  }
  *out = length;
  return t->at > begin;
}

static fm_status parse_shape(text dict, fmi_npy *npy, fmi_error *err) {
  text t;
  if (!find_value(dict, "shape", &t) || !take(&t, '(')) return bad(err, "no shape");
  skip(&t, " ");
  while (!take(&t, ')')) {
    if (npy->rank == FMI_NPY_MOST_AXES) return bad(err, "it has too many dimensions");
    if (!take_length(&t, &npy->shape[npy->rank++])) return bad(err, "its shape is not a list of lengths");
    skip(&t, ", L");
  }
  if (npy->rank == 0) return fmi_fail(err, FM_E_FORMAT, "expected an array of rows, found a single number");
  npy->n_rows = npy->shape[0];
  npy->n_columns = 1;
  for (size_t i = 1; i < npy->rank; i++) npy->n_columns = fmi_mul_size(npy->n_columns, npy->shape[i]);
  if (npy->n_rows == 0 || npy->n_columns == 0)
    return fmi_fail(err, FM_E_FORMAT, "expected rows of numbers, found %zu rows of %zu", npy->n_rows,
                    npy->n_columns);
  return FM_OK;
}

static fm_status parse_header(const unsigned char *bytes, size_t n_bytes, text *dict, size_t *offset,
                              fmi_error *err) {
  if (n_bytes < MAGIC_LENGTH + 2 || memcmp(bytes, MAGIC, MAGIC_LENGTH) != 0)
    return bad(err, "it doesn't begin like one");
  unsigned version = bytes[MAGIC_LENGTH];
  if (version < 1 || version > 3) return bad(err, "its version is not 1, 2 or 3");
  size_t width = version == 1 ? 2 : 4, begin = MAGIC_LENGTH + 2 + width;
  if (n_bytes < begin) return bad(err, "it ends in its header");
  size_t length = (size_t)load_bits(bytes + MAGIC_LENGTH + 2, width, false);
  if (length > n_bytes - begin) return bad(err, "it ends in its header");
  *dict = (text){(const char *)bytes + begin, (const char *)bytes + begin + length};
  *offset = begin + length;
  return FM_OK;
}

fm_status fmi_npy_parse(const void *bytes, size_t n_bytes, fmi_npy *out, fmi_error *err) {
  fmi_npy npy = {0};
  text dict, order;
  FMI_TRY(parse_header(bytes, n_bytes, &dict, &npy.offset, err));
  FMI_TRY(parse_type(dict, &npy, err));
  FMI_TRY(parse_shape(dict, &npy, err));
  npy.fortran = find_value(dict, "fortran_order", &order) && take(&order, 'T');
  size_t there = (n_bytes - npy.offset) / npy.type->size;
  size_t promised = fmi_mul_size(npy.n_rows, npy.n_columns);
  if (promised > there)
    return fmi_fail(err, FM_E_FORMAT,
                    "the header promises %zu rows of %zu numbers, the file ends after %zu "
                    "numbers; was it cut?",
                    npy.n_rows, npy.n_columns, there);
  *out = npy;
  return FM_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

/* Where the number at index j of a row, counted with the last axis fastest, stands when the first is. */
static size_t fortran_place(const fmi_npy *npy, size_t row, size_t j) {
  size_t place = 0, stride = npy->n_rows * npy->n_columns;
  for (size_t axis = npy->rank; axis-- > 1;) {
    stride /= npy->shape[axis];
    place += j % npy->shape[axis] * stride;
    j /= npy->shape[axis];
  }
  return place + row;
}

void fmi_npy_row(const fmi_npy *npy, const void *bytes, size_t row, double *out) {
  const size_t size = npy->type->size, n = npy->n_columns;
  const unsigned char *cells = (const unsigned char *)bytes + npy->offset;
  const unsigned char *at = cells + row * n * size;
  bool native = !npy->fortran && npy->big == is_big_endian();
  if (native && npy->type->value == from_double) {
    memcpy(out, at, n * size);
    return;
  }
  if (native && npy->type->value == from_float) {
    for (size_t j = 0; j < n; j++) {
      float value;
      memcpy(&value, at + j * sizeof value, sizeof value);
      out[j] = value;
    }
    return;
  }
  for (size_t j = 0; j < n; j++) {
    const unsigned char *item = npy->fortran ? cells + fortran_place(npy, row, j) * size : at + j * size;
    out[j] = npy->type->value(load_bits(item, size, npy->big));
  }
}
