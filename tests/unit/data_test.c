/* data_test.c - every source of rows gives the same rows: arrays, mapped .npy files of any type and order,
   the caller's function, parts; and what is missing has a column that says so. */
#include "train_fixture.h"

#include "data/data.h"
#include "data/npy.h"

static problem p;

/* ---- files ------------------------------------------------------------------------------------------- */

/* A .npy file of any header and data. Returns its name, which the next call with the same tag reuses. */
static const char *write_file(const char *tag, const char *dict, const void *data, size_t n_bytes) {
  static char names[8][512];
  char *name = names[tag[0] - 'a'];
  temporary_name(name, sizeof names[0], tag);
  FILE *file = fopen(name, "wb");
  ck_assert_ptr_nonnull(file);
  size_t length = strlen(dict);
  const unsigned char start[] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
  ck_assert_uint_eq(fwrite(start, 1, sizeof start, file), sizeof start);
  ck_assert_uint_eq(fwrite(dict, 1, length, file), length);
  if (n_bytes) ck_assert_uint_eq(fwrite(data, 1, n_bytes, file), n_bytes);
  ck_assert_int_eq(fclose(file), 0);
  return name;
}

static const char *write_array(const char *tag, const char *type, const char *shape, bool fortran,
                               const void *data, size_t n_bytes) {
  char dict[200];
  snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", type,
           fortran ? "True" : "False", shape);
  return write_file(tag, dict, data, n_bytes);
}

/* Numbers 2 j - 3 as items of size bytes: signed or not, whole or not, in either order of bytes. */
static void encode(char kind, size_t size, bool big, size_t n, unsigned char *out, double *values) {
  for (size_t j = 0; j < n; j++) {
    double value = kind == 'u' ? (double)(7 * j) : kind == 'b' ? (double)(j % 2) : 2 * (double)j - 3;
    uint64_t bits = (uint64_t)(int64_t)value;
    float single = (float)value / 4;
    uint32_t narrow;
    if (kind == 'f') value /= 4;
    memcpy(&narrow, &single, sizeof narrow);
    if (kind == 'f' && size == 4) bits = narrow;
    if (kind == 'f' && size == 8) memcpy(&bits, &value, sizeof bits);
    for (size_t b = 0; b < size; b++)
      out[j * size + (big ? size - 1 - b : b)] = (unsigned char)(bits >> 8 * b);
    values[j] = value;
  }
}

START_TEST(every_type_and_byte_order_is_read) {
  static const struct {
    const char *code;
    size_t size;
  } types[] = {{"u1", 1}, {"b1", 1}, {"i1", 1}, {"u2", 2}, {"i2", 2}, {"u4", 4},
               {"i4", 4}, {"u8", 8}, {"i8", 8}, {"f4", 4}, {"f8", 8}};
  enum { N = 15, COLUMNS = 3 };
  fm_ctx *ctx = new_ctx(1);
  for (size_t i = 0; i < FMI_COUNT(types); i++)
    for (int big = 0; big < 2; big++) {
      unsigned char bytes[N * 8];
      double want[N], got[N];
      char type[8];
      fm_data *data = NULL;
      encode(types[i].code[0], types[i].size, big, N, bytes, want);
      snprintf(type, sizeof type, "%c%s", big ? '>' : '<', types[i].code);
      const char *file = write_array("a", type, "(5, 3)", false, bytes, N * types[i].size);
      OK(fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
      ck_assert_uint_eq(fm_data_n(data), N / COLUMNS);
      ck_assert_uint_eq(fm_data_dim(data), COLUMNS);
      OK(fm_data_read(ctx, data, 0, N / COLUMNS, got, NULL, NULL));
      for (size_t j = 0; j < N; j++)
        ck_assert_msg(got[j] == want[j], "%s [%zu]: %g, not %g", type, j, got[j], want[j]);
      fm_npy_info info;
      fm_npy_info_init(&info);
      OK(fm_npy_inspect(ctx, file, &info));
      ck_assert_str_eq(info.dtype, types[i].code);
      ck_assert(info.rank == 2 && info.shape[0] == 5 && info.shape[1] == 3 && info.shape[2] == 0);
      fm_data_destroy(data);
      unlink(file);
    }
  fm_ctx_destroy(ctx);
}
END_TEST

/* Element [i][j][k] is 100 i + 10 j + k, whichever axis runs fastest in the file. */
START_TEST(fortran_order_is_read_as_c_order) {
  enum { I = 4, J = 2, K = 3 };
  fm_ctx *ctx = new_ctx(1);
  float cells[I * J * K];
  double got[I * J * K];
  fm_data *data = NULL;
  for (size_t i = 0; i < I; i++)
    for (size_t j = 0; j < J; j++)
      for (size_t k = 0; k < K; k++) cells[i + I * (j + J * k)] = (float)(100 * i + 10 * j + k);
  const char *file = write_array("a", "<f4", "(4, 2, 3)", true, cells, sizeof cells);
  OK(fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
  OK(fm_data_read(ctx, data, 0, I, got, NULL, NULL));
  for (size_t i = 0; i < I; i++)
    for (size_t j = 0; j < J * K; j++)
      ck_assert(got[i * J * K + j] == (double)(100 * i + 10 * (j / K) + j % K));
  fm_data_destroy(data);
  unlink(file);
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(files_are_refused_with_a_reason) {
  static const double cells[4] = {1, 2, NAN, 4};
  static const struct {
    const char *dict, *word;
    size_t n_bytes;
    fm_status status;
  } files[] = {
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", "promises 3 rows", 32, FM_E_FORMAT},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", "row 1, column 0", 32, FM_E_NONFINITE},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "single number", 32, FM_E_FORMAT},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 2), }", "0 rows", 32, FM_E_FORMAT},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2", "shape", 32, FM_E_FORMAT},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 2), }", "shape", 32,
       FM_E_FORMAT},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
       SIZE_MAX > UINT32_MAX ? "promises" : "shape", 32, FM_E_FORMAT},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "dimensions", 32,
       FM_E_FORMAT},
      {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", "'c16'", 32, FM_E_UNSUPPORTED},
      {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", "records", 32, FM_E_FORMAT},
      {"{'fortran_order': False, 'shape': (1,), }", "data type", 32, FM_E_FORMAT},
      {"", "data type", 0, FM_E_FORMAT},
  };
  fm_ctx *ctx = new_ctx(1);
  for (size_t i = 0; i < FMI_COUNT(files); i++) {
    fm_data *data = NULL;
    const char *file = write_file("a", files[i].dict, cells, files[i].n_bytes);
    FAILS(files[i].status, files[i].word,
          fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
    ck_assert_msg(strstr(fm_ctx_message(ctx), file) != NULL, "no file name in '%s'", fm_ctx_message(ctx));
    ck_assert_ptr_null(data);
    ck_assert_int_eq(truncate(file, 9), 0); /* in the middle of the length */
    FAILS(FM_E_FORMAT, "in its header",
          fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
    ck_assert_int_eq(truncate(file, 0), 0);
    FAILS(FM_E_FORMAT, "empty", fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
    unlink(file);
    FAILS(FM_E_IO, "open", fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* The problem's rows in three files. */
typedef struct three {
  const char *names[3];
} three;

static three write_three(void) {
  static const size_t cuts[] = {0, 1, 130, ROWS};
  static const char *const tags[] = {"a", "b", "c"};
  three t;
  for (size_t i = 0; i < 3; i++) {
    char shape[40];
    snprintf(shape, sizeof shape, "(%zu, %d)", cuts[i + 1] - cuts[i], DIM);
    t.names[i] =
        write_array(tags[i], "<f4", shape, false, p.x1[cuts[i]], (cuts[i + 1] - cuts[i]) * sizeof p.x1[0]);
  }
  return t;
}

static void remove_three(const three *t) {
  for (size_t i = 0; i < 3; i++) unlink(t->names[i]);
}

START_TEST(several_files_are_one_set) {
  fm_ctx *ctx = new_ctx(1);
  three t = write_three();
  fm_data *data = NULL;
  double *x1 = new_block(ROWS * DIM, sizeof *x1);
  int32_t *labels = new_block(ROWS, sizeof *labels);
  float *cond = new_block(ROWS * COND, sizeof *cond);
  OK(fm_data_open_npy(ctx, t.names, 3, p.labels, p.cond[0], p.weights, ROWS, 1, COND, NULL, &data));
  ck_assert_uint_eq(fm_data_n(data), ROWS);
  OK(fm_data_read(ctx, data, 100, 60, x1, labels, cond)); /* across a border */
  for (size_t i = 0; i < 60 * DIM; i++) ck_assert(x1[i] == (double)p.x1[100 + i / DIM][i % DIM]);
  SAME(labels, p.labels + 100, 60);
  SAME(cond, p.cond[100], 60 * COND);
  fm_data_destroy(data);
  FAILS(FM_E_MISMATCH, "299",
        fm_data_open_npy(ctx, t.names, 3, p.labels, NULL, NULL, ROWS - 1, 1, 0, NULL, &data));
  const char *other = write_array("d", "<f4", "(9,)", false, p.x1, 36), *mixed[] = {t.names[0], other};
  FAILS(FM_E_MISMATCH, other, fm_data_open_npy(ctx, mixed, 2, NULL, NULL, NULL, 0, 0, 0, NULL, &data));
  unlink(other);
  remove_three(&t);
  free(x1), free(labels), free(cond);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- the same training from every source
   ---------------------------------------------------------------- */

static int32_t gather_problem(void *user, const fm_gather_request *r) {
  const problem *from = user;
  for (uint64_t i = 0; i < r->n; i++) {
    uint64_t row = r->row[i];
    for (uint64_t j = 0; j < r->dim; j++) r->x1[i * r->dim + j] = from->x1[row][j];
    r->labels[i] = from->labels[row];
    memcpy(r->cond + i * COND, from->cond[row], sizeof from->cond[row]);
    r->weights[i] = from->weights[row];
  }
  return 0;
}

START_TEST(training_does_not_depend_on_the_source) {
  fm_ctx *ctx = new_ctx(2);
  three t = write_three();
  fm_data *mapped = NULL, *gathered = NULL;
  OK(fm_data_open_npy(ctx, t.names, 3, p.labels, p.cond[0], p.weights, ROWS, 1, COND, NULL, &mapped));
  OK(fm_data_create_gather(ctx, gather_problem, &p, ROWS, DIM, 1, COND, 0, &gathered));
  kit arrays = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
  OK(fm_trainer_run(ctx, arrays.trainer, arrays.data, 7));
  const fm_data *others[] = {mapped, gathered};
  for (size_t i = 0; i < 2; i++) {
    kit k = new_kit(ctx, &p, (fm_net_options){0}, (fm_trainer_options){0});
    fm_normaliser *norm = NULL;
    OK(fm_trainer_run(ctx, k.trainer, others[i], 7));
    same_training(arrays.trainer, k.trainer);
    OK(fm_normaliser_fit_data(ctx, FM_NORMALISE_COLUMNS, others[i], FM_DATA_X1, &norm));
    SAME(norm->scale, arrays.normaliser->scale, DIM);
    fm_normaliser_destroy(norm);
    OK(fm_normaliser_fit_data(ctx, FM_NORMALISE_COLUMNS, others[i], FM_DATA_COND, &norm));
    SAME(norm->shift, arrays.cond_normaliser->shift, COND);
    fm_normaliser_destroy(norm);
    uint32_t n_classes = 0;
    OK(fm_data_count_classes(ctx, others[i], &n_classes));
    ck_assert_uint_eq(n_classes, 3);
    free_kit(&k);
  }
  free_kit(&arrays);
  fm_data_destroy(mapped), fm_data_destroy(gathered);
  remove_three(&t);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Row 777 is in the fourth block that a scan reads. */
static int32_t gather_a_bad_row(void *user, const fm_gather_request *r) {
  (void)user;
  for (uint64_t i = 0; i < r->n * r->dim; i++) r->x1[i] = r->row[i / r->dim] == 777 && i % 2 ? NAN : 1;
  return 0;
}

START_TEST(a_bad_row_is_named_by_its_index) {
  fm_ctx *ctx = new_ctx(1);
  fm_data *data = NULL;
  fm_normaliser *norm = NULL;
  OK(fm_data_create_gather(ctx, gather_a_bad_row, NULL, 1000, 2, 0, 0, 0, &data));
  FAILS(FM_E_NONFINITE, "row 777, column 1",
        fm_normaliser_fit_data(ctx, FM_NORMALISE_COLUMNS, data, FM_DATA_X1, &norm));
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- parts ------------------------------------------------------------------------------------------- */

static void count_rows(fm_ctx *ctx, const fm_data *data, unsigned *seen) {
  size_t n = fm_data_n(data);
  double *x1 = new_block(n, sizeof *x1);
  OK(fm_data_read(ctx, data, 0, n, x1, NULL, NULL));
  for (size_t i = 0; i < n; i++) seen[(size_t)x1[i]]++;
  free(x1);
}

START_TEST(parts_are_disjoint_and_together_the_whole) {
  enum { N = 1000, HELD_OUT = 137 };
  fm_ctx *ctx = new_ctx(1);
  double x1[N];
  unsigned held[2][N] = {{0}}, all[N] = {0};
  fm_data *data = NULL;
  for (size_t i = 0; i < N; i++) x1[i] = (double)i;
  OK(fm_data_create_f64(ctx, x1, NULL, NULL, NULL, NULL, N, 1, 0, 0, NULL, &data));
  for (uint64_t seed = 0; seed < 2; seed++) {
    fm_data *rest = NULL, *held_out = NULL;
    memset(all, 0, sizeof all);
    OK(fm_data_split(ctx, data, seed, HELD_OUT, &rest, &held_out));
    ck_assert(fm_data_n(rest) == N - HELD_OUT && fm_data_n(held_out) == HELD_OUT);
    count_rows(ctx, held_out, held[seed]);
    count_rows(ctx, held_out, all);
    count_rows(ctx, rest, all);
    for (size_t i = 0; i < N; i++) ck_assert_uint_eq(all[i], 1);
    fm_data_destroy(rest), fm_data_destroy(held_out);
  }
  size_t both = 0;
  for (size_t i = 0; i < N; i++) both += held[0][i] && held[1][i];
  ck_assert_msg(both < HELD_OUT / 2, "two seeds hold out %zu rows in common", both); /* 19 are expected */
  fm_data *rest = NULL, *held_out = NULL;
  FAILS(FM_E_INVALID, "n_held_out", fm_data_split(ctx, data, 0, N, &rest, &held_out));
  FAILS(FM_E_INVALID, "n_held_out", fm_data_split(ctx, data, 0, 0, &rest, &held_out));
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- missing values ------------------------------------------------------------------------------------ */

enum { M = 6, MD = 3 };
static const float holes[M][MD] = {{1, 10, NAN}, {2, 20, 5}, {3, 30, NAN},
                                   {4, NAN, 7},  {5, 50, 9}, {6, 60, NAN}};

START_TEST(missing_values_get_a_column) {
  fm_ctx *ctx = new_ctx(1);
  fm_data *data = NULL;
  fm_data_options o;
  fm_data_options_init(&o);
  FAILS(FM_E_NONFINITE, "row 0, column 2",
        fm_data_create(ctx, holes[0], NULL, NULL, NULL, NULL, M, MD, 0, 0, &o, &data));
  o.missing = FM_MISSING_MASK;
  OK(fm_data_create(ctx, holes[0], NULL, NULL, NULL, NULL, M, MD, 0, 0, &o, &data));
  ck_assert_uint_eq(fm_data_dim(data), MD + 2);
  ck_assert_uint_eq(fm_data_mask_column(data, 0), 0);
  ck_assert_uint_eq(fm_data_mask_column(data, 1), MD);
  ck_assert_uint_eq(fm_data_mask_column(data, 2), MD + 1);
  double rows[M * (MD + 2)];
  OK(fm_data_read(ctx, data, 0, M, rows, NULL, NULL));
  for (size_t i = 0; i < M; i++) {
    const double *row = rows + i * (MD + 2);
    CLOSE(row[1], i == 3 ? 34 : holes[i][1], 1e-12);
    CLOSE(row[2], isnan(holes[i][2]) ? 7 : holes[i][2], 1e-12);
    ck_assert(row[0] == holes[i][0] && row[MD] == (i == 3) && row[MD + 1] == (i == 0 || i == 2 || i == 5));
  }
  fm_data *rest = NULL, *held_out = NULL; /* the columns are those of the whole */
  OK(fm_data_split(ctx, data, 1, 1, &rest, &held_out));
  ck_assert(fm_data_dim(held_out) == MD + 2 && fm_data_mask_column(held_out, 2) == MD + 1);
  fm_data_destroy(data);
  fm_data_destroy(rest);
  OK(fm_data_read(ctx, held_out, 0, 1, rows, NULL, NULL)); /* a part keeps the whole alive */
  fm_data_destroy(held_out);

  OK(fm_data_create(ctx, p.x1[0], NULL, NULL, NULL, NULL, M, DIM, 0, 0, &o, &data)); /* nothing is missing */
  ck_assert_uint_eq(fm_data_dim(data), DIM);
  fm_data_destroy(data);
  const float none[] = {1, NAN, 2, NAN};
  FAILS(FM_E_NONFINITE, "column 1", fm_data_create(ctx, none, NULL, NULL, NULL, NULL, 2, 2, 0, 0, &o, &data));
  const float infinite[] = {1, 2, INFINITY, 3};
  FAILS(FM_E_NONFINITE, "row 1, column 0",
        fm_data_create(ctx, infinite, NULL, NULL, NULL, NULL, 2, 2, 0, 0, &o, &data));
  FAILS(FM_E_INVALID, "x0:", fm_data_create(ctx, none, none, NULL, NULL, NULL, 2, 2, 0, 0, &o, &data));
  o.missing = 2;
  FAILS(FM_E_UNSUPPORTED, "missing",
        fm_data_create(ctx, none, NULL, NULL, NULL, NULL, 2, 2, 0, 0, &o, &data));
  fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(missing_values_in_files) {
  fm_ctx *ctx = new_ctx(1);
  fm_data *data = NULL, *same = NULL;
  fm_data_options o;
  fm_data_options_init(&o);
  o.missing = FM_MISSING_MASK;
  const char *file = write_array("a", "<f4", "(6, 3)", false, holes, sizeof holes);
  OK(fm_data_open_npy(ctx, &file, 1, NULL, NULL, NULL, 0, 0, 0, &o, &data));
  OK(fm_data_create(ctx, holes[0], NULL, NULL, NULL, NULL, M, MD, 0, 0, &o, &same));
  double a[M * (MD + 2)], b[M * (MD + 2)];
  OK(fm_data_read(ctx, data, 0, M, a, NULL, NULL));
  OK(fm_data_read(ctx, same, 0, M, b, NULL, NULL));
  SAME(a, b, FMI_COUNT(a));
  fm_data_destroy(data), fm_data_destroy(same);
  unlink(file);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A column that is missing in a third of the rows is drawn missing in about a third of them. */
START_TEST(a_model_learns_what_is_missing) {
  enum { N = 600, DRAWS = 2000 };
  fm_ctx *ctx = new_ctx(2);
  double *x = new_block(2 * N, sizeof *x);
  float *drawn = new_block(3 * DRAWS, sizeof *drawn);
  uint64_t seed = 5;
  for (size_t i = 0; i < N; i++) {
    x[2 * i] = next_normal(&seed);
    x[2 * i + 1] = x[2 * i] > .43 ? NAN : 100 + x[2 * i]; /* where the first column is large: a third */
  }
  fm_data_options o;
  fm_data_options_init(&o);
  o.missing = FM_MISSING_MASK;
  fm_data *data = NULL;
  fm_model *model = NULL;
  fm_optimizer *optimizer = NULL;
  const fm_optimizer_options rate = {.struct_size = sizeof rate, .learning_rate = 3e-3, .n_steps = 700};
  const fm_net_options net = {.struct_size = sizeof net, .kind = FM_NET_MLP, .width = 64, .depth = 3};
  OK(fm_data_create_f64(ctx, x, NULL, NULL, NULL, NULL, N, 2, 0, 0, &o, &data));
  OK(fm_optimizer_create(ctx, &rate, &optimizer));
  OK(fm_fit(ctx, data, NULL, NULL, optimizer, &net, NULL, &model));
  OK(fm_sample(ctx, model, 1, 0, NULL, NULL, DRAWS, drawn));
  size_t missing = 0, wrong = 0;
  for (size_t i = 0; i < DRAWS; i++) {
    bool gone = drawn[3 * i + 2] > .5;
    missing += gone;
    wrong += gone != (drawn[3 * i] > .43);
  }
  CLOSE((double)missing / DRAWS, 1 / 3., .06);
  CLOSE((double)wrong / DRAWS, 0, .08);
  fm_data_destroy(data), fm_model_destroy(model), fm_optimizer_destroy(optimizer);
  free(x), free(drawn);
  fm_ctx_destroy(ctx);
}
END_TEST

static void set_up(void) { fill_problem(&p); }

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "data");
  tcase_add_checked_fixture(tcase, set_up, NULL);
  tcase_add_test(tcase, every_type_and_byte_order_is_read);
  tcase_add_test(tcase, fortran_order_is_read_as_c_order);
  tcase_add_test(tcase, files_are_refused_with_a_reason);
  tcase_add_test(tcase, several_files_are_one_set);
  tcase_add_test(tcase, training_does_not_depend_on_the_source);
  tcase_add_test(tcase, a_bad_row_is_named_by_its_index);
  tcase_add_test(tcase, parts_are_disjoint_and_together_the_whole);
  tcase_add_test(tcase, missing_values_get_a_column);
  tcase_add_test(tcase, missing_values_in_files);
  if (!quick()) tcase_add_test(tcase, a_model_learns_what_is_missing);
  return run_suite(suite);
}
