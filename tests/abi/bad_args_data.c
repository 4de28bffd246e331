/* bad_args_data.c - rows in files, rows that the caller gathers, parts, and looking at data. */
#include "bad_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int32_t own_gather(void *user, const fm_gather_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x1[i] = callback_writes_nan ? NAN : (double)(i % 3);
  return callback_answer;
}

/* A file of N rows of two floats. */
static const char *write_rows(void) {
  static char name[] = "/tmp/flowmatch-bad-args-XXXXXX";
  static const char header[] =
      "\x93NUMPY\x01\x00\x40\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }  \n\n\n";
  strcpy(name, "/tmp/flowmatch-bad-args-XXXXXX");
  int fd = mkstemp(name);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, header, 10 + 64), 10 + 64);
  ck_assert_int_eq(write(fd, rows, 2 * N * sizeof *rows), 2 * N * (long)sizeof *rows);
  close(fd);
  return name;
}

ABOUT(fm_data_open_npy) {
  const char *file = write_rows(), *missing[] = {"/no/such/file.npy"},
             *null[] = {NULL}, *const *files = &file;
  NO_CTX_MADE(fm_data, fm_data_open_npy(NULL, files, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &made));
  REFUSED(FM_E_INVALID, "out:", fm_data_open_npy(g.ctx, files, 1, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
  BAD_SIZES(fm_data, fm_data_options,
            fm_data_open_npy(g.ctx, files, 1, NULL, NULL, NULL, 0, 0, 0, options, &made));
#define NO_DATA(expected, word, names, n_names, label, cond, weight, n, columns, cond_dim, ...)              \
  NOT_MADE(fm_data, expected, word,                                                                          \
           fm_data_open_npy(g.ctx, names, n_names, label, cond, weight, n, columns, cond_dim, __VA_ARGS__,   \
                            &made))
  NO_DATA(FM_E_INVALID, "files:", NULL, 1, NULL, NULL, NULL, 0, 0, 0, NULL);
  NO_DATA(FM_E_INVALID, "n_files:", files, 0, NULL, NULL, NULL, 0, 0, 0, NULL);
  NO_DATA(FM_E_INVALID, "files:", null, 1, NULL, NULL, NULL, 0, 0, 0, NULL);
  NO_DATA(FM_E_IO, "/no/such/file.npy", missing, 1, NULL, NULL, NULL, 0, 0, 0, NULL);
  NO_DATA(FM_E_IO, "directory", (const char *[]){"/tmp"}, 1, NULL, NULL, NULL, 0, 0, 0, NULL);
  NO_DATA(FM_E_INVALID, "labels:", files, 1, NULL, NULL, NULL, N, 1, 0, NULL);
  NO_DATA(FM_E_INVALID, "cond:", files, 1, NULL, NULL, NULL, N, 0, 2, NULL);
  NO_DATA(FM_E_INVALID, "n:", files, 1, labels, NULL, NULL, 0, 1, 0, NULL);
  NO_DATA(FM_E_INVALID, "n:", files, 1, labels, NULL, NULL, HUGE_N, 1, 0, NULL);
  NO_DATA(FM_E_MISMATCH, "n:", files, 1, labels, NULL, NULL, N - 1, 1, 0, NULL);
  NO_DATA(FM_E_INVALID, "labels:", files, 1, low_labels, NULL, NULL, N, 1, 0, NULL);
  NO_DATA(FM_E_NONFINITE, AT_ROW_1_COLUMN_1, files, 1, NULL, nan_rows, NULL, N, 0, 2, NULL);
  NO_DATA(FM_E_INVALID, "weights:", files, 1, NULL, NULL, negative_weights, N, 0, 0, NULL);
  NO_DATA(FM_E_UNSUPPORTED, "missing", files, 1, NULL, NULL, NULL, 0, 0, 0,
          WITH(fm_data_options, .missing = 7));
#undef NO_DATA
  unlink(file);
}

ABOUT(fm_npy_inspect) {
  const char *file = write_rows();
  fm_npy_info info = {.struct_size = sizeof info};
  NO_CTX(fm_npy_inspect(NULL, file, &info));
  REFUSED(FM_E_INVALID, "file:", fm_npy_inspect(g.ctx, NULL, &info));
  REFUSED(FM_E_INVALID, "info:", fm_npy_inspect(g.ctx, file, NULL));
  REFUSED(FM_E_IO, "/no/such/file", fm_npy_inspect(g.ctx, "/no/such/file", &info));
  REFUSED(FM_E_FORMAT, "not a .npy file", fm_npy_inspect(g.ctx, "/proc/self/exe", &info));
  info.struct_size = 1;
  REFUSED(FM_E_INVALID, "struct_size", fm_npy_inspect(g.ctx, file, &info));
  ck_assert_uint_eq(info.rank, 0);
  unlink(file);
}

ABOUT(fm_data_create_gather) {
  fm_data *made_data = NULL;
  NO_CTX_MADE(fm_data, fm_data_create_gather(NULL, own_gather, NULL, N, 2, 0, 0, 0, &made));
  REFUSED(FM_E_INVALID, "out:", fm_data_create_gather(g.ctx, own_gather, NULL, N, 2, 0, 0, 0, NULL));
  NOT_MADE(fm_data, FM_E_INVALID, "fn:", fm_data_create_gather(g.ctx, NULL, NULL, N, 2, 0, 0, 0, &made));
  NOT_MADE(fm_data, FM_E_INVALID, "n:", fm_data_create_gather(g.ctx, own_gather, NULL, 0, 2, 0, 0, 0, &made));
  NOT_MADE(fm_data, FM_E_INVALID,
           "dim:", fm_data_create_gather(g.ctx, own_gather, NULL, N, 0, 0, 0, 0, &made));
  FINE(fm_data_create_gather(g.ctx, own_gather, NULL, N, 2, 0, 0, 0, &made_data));
  callback_writes_nan = true;
  NOT_MADE(fm_normaliser, FM_E_NONFINITE, "row 0",
           fm_normaliser_fit_data(g.ctx, FM_NORMALISE_COLUMNS, made_data, FM_DATA_X1, &made));
  callback_writes_nan = false;
  callback_answer = 3;
  NOT_MADE(fm_normaliser, FM_E_CALLBACK, "gather",
           fm_normaliser_fit_data(g.ctx, FM_NORMALISE_COLUMNS, made_data, FM_DATA_X1, &made));
  fm_data_destroy(made_data);
}

ABOUT(fm_data_split) {
  fm_data *other = NULL;
  NO_CTX_MADE(fm_data, fm_data_split(NULL, g.data, 1, 1, &made, &other));
  REFUSED(FM_E_INVALID, "out:", fm_data_split(g.ctx, g.data, 1, 1, NULL, &other));
  NOT_MADE(fm_data, FM_E_INVALID, "held_out:", fm_data_split(g.ctx, g.data, 1, 1, &made, NULL));
  NOT_MADE(fm_data, FM_E_INVALID, "data:", fm_data_split(g.ctx, NULL, 1, 1, &made, &other));
  NOT_MADE(fm_data, FM_E_UNSUPPORTED, "data:", fm_data_split(g.ctx, g.stream, 1, 1, &made, &other));
  NOT_MADE(fm_data, FM_E_INVALID, "n_held_out:", fm_data_split(g.ctx, g.data, 1, 0, &made, &other));
  NOT_MADE(fm_data, FM_E_INVALID, "n_held_out:", fm_data_split(g.ctx, g.data, 1, N, &made, &other));
}

ABOUT(fm_data_n) { ck_assert_uint_eq(fm_data_n(NULL), 0); }
ABOUT(fm_data_dim) { ck_assert_uint_eq(fm_data_dim(NULL), 0); }
ABOUT(fm_data_n_class_columns) { ck_assert_uint_eq(fm_data_n_class_columns(NULL), 0); }
ABOUT(fm_data_cond_dim) { ck_assert_uint_eq(fm_data_cond_dim(NULL), 0); }
ABOUT(fm_data_mask_column) {
  ck_assert_uint_eq(fm_data_mask_column(NULL, 0), 0);
  ck_assert_uint_eq(fm_data_mask_column(g.data, SIZE_MAX), 0);
}

ABOUT(fm_data_read) {
  double *x1 = out.f64[0];
  NO_CTX(fm_data_read(NULL, g.data, 0, N, x1, NULL, NULL));
  REFUSED(FM_E_INVALID, "data:", fm_data_read(g.ctx, NULL, 0, N, x1, NULL, NULL));
  REFUSED(FM_E_UNSUPPORTED, "data:", fm_data_read(g.ctx, g.stream, 0, N, x1, NULL, NULL));
  REFUSED(FM_E_INVALID, "n:", fm_data_read(g.ctx, g.data, 0, N + 1, x1, NULL, NULL));
  REFUSED(FM_E_INVALID, "n:", fm_data_read(g.ctx, g.data, N + 1, 0, x1, NULL, NULL));
  REFUSED(FM_E_INVALID, "n:", fm_data_read(g.ctx, g.data, 1, SIZE_MAX, x1, NULL, NULL));
  FINE(fm_data_read(g.ctx, g.data, 0, N, NULL, NULL, NULL));
  FINE(fm_data_read(g.ctx, g.data, N, 0, x1, NULL, NULL));
}

ABOUT(fm_data_count_classes) {
  uint32_t n = 9;
  NO_CTX(fm_data_count_classes(NULL, g.data, &n));
  REFUSED(FM_E_INVALID, "data:", fm_data_count_classes(g.ctx, NULL, &n));
  REFUSED(FM_E_INVALID, "n_classes:", fm_data_count_classes(g.ctx, g.data, NULL));
  REFUSED(FM_E_UNSUPPORTED, "data:", fm_data_count_classes(g.ctx, g.stream, &n));
  FINE(fm_data_count_classes(g.ctx, g.plain_data, NULL));
  ck_assert_uint_eq(n, 9);
}

ABOUT(fm_normaliser_fit_data) {
  const uint32_t kind = FM_NORMALISE_COLUMNS;
  NO_CTX_MADE(fm_normaliser, fm_normaliser_fit_data(NULL, kind, g.data, FM_DATA_X1, &made));
  REFUSED(FM_E_INVALID, "out:", fm_normaliser_fit_data(g.ctx, kind, g.data, FM_DATA_X1, NULL));
  NOT_MADE(fm_normaliser, FM_E_INVALID,
           "data:", fm_normaliser_fit_data(g.ctx, kind, NULL, FM_DATA_X1, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID, "part:", fm_normaliser_fit_data(g.ctx, kind, g.data, 2, &made));
  NOT_MADE(fm_normaliser, FM_E_INVALID,
           "part:", fm_normaliser_fit_data(g.ctx, kind, g.plain_data, FM_DATA_COND, &made));
  NOT_MADE(fm_normaliser, FM_E_UNSUPPORTED, "kind:", fm_normaliser_fit_data(g.ctx, 9, g.data, 0, &made));
  NOT_MADE(fm_normaliser, FM_E_UNSUPPORTED,
           "data:", fm_normaliser_fit_data(g.ctx, kind, g.stream, FM_DATA_X1, &made));
}
