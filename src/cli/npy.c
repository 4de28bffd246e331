/* npy.c - NumPy's array files: read by the library, written here. */
#include "cli/table.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6

static const char how_to_save[] = "In Python: numpy.save('file.npy', numpy.asarray(a, dtype='f8'))";

/* ---- reading --------------------------------------------------------------------------------------- */

const char *npy_hint(fm_status status) {
  switch (status) {
  case FM_E_NONFINITE:
    return "Remove such rows, or replace the value; --missing mask trains on NaN as a missing value.";
  case FM_E_FORMAT:
  case FM_E_UNSUPPORTED:
    return how_to_save;
  default:
    return NULL;
  }
}

bool npy_inspect(fm_ctx *ctx, const char *file, table *t) {
  fm_npy_info info;
  fm_npy_info_init(&info);
  fm_status status = fm_npy_inspect(ctx, file, &info);
  if (!cli_check(ctx, status, t->name, npy_hint(status))) return false;
  t->n_rows = (size_t)info.shape[0];
  t->n_columns = 1;
  for (size_t i = 1; i < info.rank; i++) {
    t->trailing[t->n_trailing++] = (size_t)info.shape[i];
    t->n_columns *= (size_t)info.shape[i];
  }
  memcpy(t->dtype, info.dtype, sizeof t->dtype);
  return true;
}

static bool read_cells(fm_ctx *ctx, const char *file, table *t) {
  fm_data *data = NULL;
  fm_status status = fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data);
  if (status == FM_OK) {
    t->cells = cli_alloc(t->n_rows * t->n_columns, sizeof *t->cells);
    status = fm_data_read(ctx, data, 0, t->n_rows, t->cells, NULL, NULL);
  }
  fm_data_destroy(data);
  return cli_check(ctx, status, t->name, npy_hint(status));
}

bool npy_read(const char *file, table *t) {
  fm_ctx *ctx = cli_context(1);
  bool ok = ctx && npy_inspect(ctx, file, t) && read_cells(ctx, file, t);
  fm_ctx_destroy(ctx);
  return ok;
}

/* The library maps files; what comes through a pipe becomes one. */
bool npy_spool(FILE *from, const char *name, char file[MOST_SPOOL_NAME]) {
  char block[65536];
  size_t n;
  const char *folder = getenv("TMPDIR");
  if (!folder || !*folder) folder = "/tmp";
  if (snprintf(file, MOST_SPOOL_NAME, "%s/flowmatch-XXXXXX", folder) >= MOST_SPOOL_NAME)
    return cli_fail("TMPDIR", NULL, "the name of the folder is too long");
  int fd = mkstemp(file);
  FILE *to = fd < 0 ? NULL : fdopen(fd, "wb");
  bool ok = to != NULL;
  while (ok && (n = fread(block, 1, sizeof block, from)) > 0) ok = fwrite(block, 1, n, to) == n;
  ok = ok && !ferror(from);
  if (to && fclose(to) != 0) ok = false;
  if (ok) return true;
  cli_fail(name, NULL, "could not be copied to a file in %s: %s", folder, strerror(errno));
  if (fd >= 0) unlink(file);
  return false;
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
