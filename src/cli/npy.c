/* npy.c - NumPy's array files: magic, version, the length of a header, the header as a Python dict, data
   (numpy/lib/format.py, versions 1.0 to 3.0). */
#include "cli/table.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6
#define MOST_HEADER (1u << 20) /* a plain array needs a hundred bytes */
#define BLOCK 65536            /* bytes read at a time; divisible by every item size */

static const char how_to_save[] = "In Python: numpy.save('file.npy', numpy.asarray(a, dtype='f8'))";

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

typedef struct item_type {
  char code[4];
  size_t size;
  double (*value)(uint64_t bits);
} item_type;

static const item_type item_types[] = {
    {"u1", 1, from_u64}, {"b1", 1, from_u64},   {"i1", 1, from_i8},     {"u2", 2, from_u64},
    {"i2", 2, from_i16}, {"u4", 4, from_u64},   {"i4", 4, from_i32},    {"u8", 8, from_u64},
    {"i8", 8, from_i64}, {"f4", 4, from_float}, {"f8", 8, from_double},
};

static const item_type *find_type(const char *code) {
  for (size_t i = 0; i < COUNT(item_types); i++)
    if (strcmp(item_types[i].code, code) == 0) return &item_types[i];
  return NULL;
}

/* ---- the header ------------------------------------------------------------------------------------ */

typedef struct npy_header {
  const item_type *type;
  bool big;     /* most significant byte first */
  bool fortran; /* the first index runs fastest */
  size_t n_rows;
} npy_header;

static bool bad_header(const table *t, const char *why) {
  return cli_fail(t->name, how_to_save, "not a .npy file that can be read: %s", why);
}

/* The text after "'key':" in the dict, or NULL. The keys are fixed words that no value contains. */
static const char *dict_value(const char *dict, const char *key) {
  char quoted[2][32];
  snprintf(quoted[0], sizeof quoted[0], "'%s'", key);
  snprintf(quoted[1], sizeof quoted[1], "\"%s\"", key);
  for (size_t i = 0; i < COUNT(quoted); i++) {
    const char *at = strstr(dict, quoted[i]);
    if (!at) continue;
    at += strlen(quoted[i]);
    at += strspn(at, " ");
    if (*at == ':') return at + 1 + strspn(at + 1, " ");
  }
  return NULL;
}

static bool is_big_endian(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 0;
}

static bool parse_descr(const char *dict, table *t, npy_header *h) {
  const char *at = dict_value(dict, "descr");
  if (at && *at == '[') return cli_fail(t->name, how_to_save, "its rows are records, not plain numbers");
  if (!at || (*at != '\'' && *at != '"')) return bad_header(t, "no data type");
  const char *code = at + 1;
  size_t length = strcspn(code, "'\"");
  const char order = length > 0 && strchr("<>=|", *code) ? *code : '\0';
  if (order) code++, length--;
  if (length < sizeof t->dtype) memcpy(t->dtype, code, length);
  h->type = find_type(t->dtype);
  if (length >= sizeof t->dtype || !h->type)
    return cli_fail(t->name, how_to_save, "numbers of type '%.*s' can't be read", (int)length, code);
  h->big = order == '>' || (order != '<' && is_big_endian());
  return true;
}

static bool parse_shape(const char *dict, table *t, npy_header *h) {
  const char *at = dict_value(dict, "shape");
  if (!at || *at != '(') return bad_header(t, "no shape");
  size_t rank = 0;
  t->n_columns = 1;
  for (at++; *at && *at != ')'; at += strspn(at, ", L")) {
    char *end;
    if (!isdigit((unsigned char)*at)) return bad_header(t, "its shape is not a list of numbers");
    errno = 0;
    unsigned long long length = strtoull(at, &end, 10);
    if (errno || length > SIZE_MAX / sizeof(double)) return bad_header(t, "a length in its shape is absurd");
    at = end;
    if (rank == 0)
      h->n_rows = (size_t)length;
    else if (rank > MOST_TRAILING)
      return bad_header(t, "it has too many dimensions");
    else {
      t->trailing[t->n_trailing++] = (size_t)length;
      if (length && t->n_columns > SIZE_MAX / sizeof(double) / length)
        return bad_header(t, "it is too large");
      t->n_columns *= (size_t)length;
    }
    rank++;
  }
  if (rank == 0) return cli_fail(t->name, NULL, "a single number, not an array of rows");
  t->n_rows = h->n_rows;
  if (t->n_rows == 0 || t->n_columns == 0)
    return cli_fail(t->name, NULL, "no data: %zu rows of %zu numbers", t->n_rows, t->n_columns);
  return t->n_rows <= SIZE_MAX / sizeof(double) / t->n_columns || bad_header(t, "it is too large");
}

static bool read_header(FILE *file, table *t, npy_header *h) {
  unsigned char start[MAGIC_LENGTH + 2], length_bytes[4] = {0};
  if (fread(start, 1, sizeof start, file) != sizeof start || memcmp(start, MAGIC, MAGIC_LENGTH) != 0)
    return bad_header(t, "it doesn't begin like one");
  unsigned version = start[MAGIC_LENGTH];
  if (version < 1 || version > 3) return bad_header(t, "its version is not 1, 2 or 3");
  size_t width = version == 1 ? 2 : 4;
  if (fread(length_bytes, 1, width, file) != width) return bad_header(t, "it ends in its header");
  size_t length = (size_t)load_bits(length_bytes, width, false);
  if (length > MOST_HEADER) return bad_header(t, "its header is absurdly long");
  char *dict = cli_alloc(length + 1, 1);
  bool ok = fread(dict, 1, length, file) == length || bad_header(t, "it ends in its header");
  const char *order = ok ? dict_value(dict, "fortran_order") : NULL;
  h->fortran = order && strncmp(order, "True", 4) == 0;
  ok = ok && parse_descr(dict, t, h) && parse_shape(dict, t, h);
  free(dict);
  return ok;
}

/* ---- data ------------------------------------------------------------------------------------------ */

/* Where the file's j-th position in a row belongs when the first index runs fastest: the same indexes with
   the last one fastest. */
static size_t column_of(const table *t, size_t j) {
  size_t column = 0;
  size_t stride = t->n_columns;
  for (size_t d = 0; d < t->n_trailing; d++) {
    stride /= t->trailing[d];
    column += j % t->trailing[d] * stride;
    j /= t->trailing[d];
  }
  return column;
}

/* The place in cells of the file's item k. */
static size_t place_of(const table *t, bool fortran, size_t k) {
  return fortran ? k % t->n_rows * t->n_columns + column_of(t, k / t->n_rows) : k;
}

static bool read_items(FILE *file, table *t, const npy_header *h) {
  unsigned char block[BLOCK];
  size_t n = t->n_rows * t->n_columns, size = h->type->size;
  for (size_t done = 0; done < n;) {
    size_t want = BLOCK / size < n - done ? BLOCK / size : n - done;
    size_t got = fread(block, size, want, file);
    for (size_t i = 0; i < got; i++)
      t->cells[place_of(t, h->fortran, done + i)] = h->type->value(load_bits(block + i * size, size, h->big));
    done += got;
    if (got < want) {
      if (ferror(file)) return cli_fail(t->name, NULL, "%s", strerror(errno));
      return cli_fail(t->name, "The file was cut: make it again.",
                      "the header promises %zu numbers, the file ends after %zu", n, done);
    }
  }
  return true;
}

bool npy_read(FILE *file, table *t) {
  npy_header h = {0};
  if (!read_header(file, t, &h)) return false;
  t->cells = cli_alloc(t->n_rows * t->n_columns, sizeof *t->cells);
  return read_items(file, t, &h);
}

/* ---- writing --------------------------------------------------------------------------------------- */

bool npy_write_header(output *out, bool single, size_t n_rows, const size_t *trailing, size_t n_trailing) {
  char text[256];
  const size_t before = MAGIC_LENGTH + 4; /* magic, version, length */
  int n = snprintf(text, sizeof text, "{'descr': '<f%d', 'fortran_order': False, 'shape': (%zu,",
                   single ? 4 : 8, n_rows);
  for (size_t i = 0; i < n_trailing; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%s%zu", i ? ", " : " ", trailing[i]);
  n += snprintf(text + n, sizeof text - (size_t)n, "), }");
  /* Blanks and a newline, so that the data begins at a multiple of 64. */
  while ((before + (size_t)n + 1) % 64) text[n++] = ' ';
  text[n++] = '\n';
  const unsigned char lengths[4] = {1, 0, (unsigned char)(n & 255), (unsigned char)(n >> 8)};
  return output_write(out, MAGIC, MAGIC_LENGTH) && output_write(out, lengths, sizeof lengths) &&
         output_write(out, text, (size_t)n);
}

static char *store_bits(uint64_t bits, size_t size, char *bytes) {
  for (size_t i = 0; i < size; i++) *bytes++ = (char)(bits >> (8 * i) & 255);
  return bytes;
}

size_t npy_encode(const double *cells, size_t n, bool single, char *bytes) {
  char *at = bytes;
  for (size_t i = 0; i < n; i++) {
    if (single) {
      float value = (float)cells[i];
      uint32_t bits;
      memcpy(&bits, &value, sizeof bits);
      at = store_bits(bits, sizeof bits, at);
    } else {
      uint64_t bits;
      memcpy(&bits, &cells[i], sizeof bits);
      at = store_bits(bits, sizeof bits, at);
    }
  }
  return (size_t)(at - bytes);
}
