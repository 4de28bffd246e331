/* The model file's format: what is written is read back, and whatever was changed, cut or made up is refused
   with a status and a text. */
#include "core/os.h"
#include "io/safetensors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static fmi_memory *memory;
static char folder[64], file[96];

static void setup(void) {
  memory = fmi_memory_create(NULL);
  ck_assert_ptr_nonnull(memory);
  strcpy(folder, "/tmp/flowmatch_io_XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/a.safetensors", folder);
}

static void teardown(void) {
  unlink(file);
  ck_assert_int_eq(rmdir(folder), 0); /* also: no temporary was left behind */
  fmi_memory_release(memory);
}

/* ---- what is written is read back --------------------------------------------------------------- */

static const float f32[] = {1.0f, -2.5f, 0.0f};
static const double f64[] = {3.25, -0.0};
static const int32_t i32[] = {INT32_MIN, 7};
static const int64_t i64[] = {INT64_MIN, INT64_MAX};
static const uint64_t u64[] = {UINT64_MAX};
static const float one = 1.0f;

/* The first two stand so that what follows f32 is not aligned in the file. */
static const fmi_tensor some_tensors[] = {
    {"u64", FMI_U64, 1, {1}, u64, sizeof u64},
    {"f32", FMI_F32, 2, {3, 1}, f32, sizeof f32},
    {"f64 \"quoted\" \\ \n\x01\x7f", FMI_F64, 3, {1, 2, 1}, f64, sizeof f64},
    {"i32 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", FMI_I32, 4, {1, 1, 2, 1}, i32, sizeof i32},
    {"i64", FMI_I64, 1, {2}, i64, sizeof i64},
    {"scalar", FMI_F32, 0, {0}, &one, sizeof one},
    {"empty", FMI_F64, 2, {0, 5}, NULL, 0},
    {"", FMI_F32, 1, {0}, NULL, 0},
};
static const fmi_pair some_pairs[] = {{"a", "1"},
                                      {"", ""},
                                      {"tab\t\b\f\r/", "{\"json\": [1, \"\\u0041\"]}"},
                                      {"\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}};

static void write_some(void) {
  fmi_error err = {0};
  fm_status status = fmi_safetensors_write(memory, file, some_pairs, FMI_COUNT(some_pairs), some_tensors,
                                           FMI_COUNT(some_tensors), &err);
  ck_assert_msg(status == FM_OK, "%s", err.text);
}

static void *read_all(size_t *n_bytes) {
  fmi_error err = {0};
  void *bytes = NULL;
  ck_assert_msg(fmi_os_read_file(memory, file, &bytes, n_bytes, &err) == FM_OK, "%s", err.text);
  return bytes;
}

static void check_some(const fmi_safetensors *st) {
  ck_assert_uint_eq(st->n_tensors, FMI_COUNT(some_tensors));
  ck_assert_uint_eq(st->n_pairs, FMI_COUNT(some_pairs) + 1);
  for (size_t i = 0; i < st->n_tensors; i++) {
    const fmi_tensor *want = &some_tensors[i], *got = &st->tensors[i];
    ck_assert_str_eq(got->name, want->name);
    ck_assert_ptr_eq(fmi_safetensors_tensor(st, want->name), got);
    ck_assert_int_eq(got->dtype, want->dtype);
    ck_assert_uint_eq(got->rank, want->rank);
    ck_assert_mem_eq(got->shape, want->shape, want->rank * sizeof want->shape[0]);
    ck_assert_uint_eq(got->bytes, want->bytes);
    ck_assert_uint_eq((uintptr_t)got->data % 8, 0);
    if (want->bytes != 0) ck_assert_mem_eq(got->data, want->data, want->bytes);
  }
  for (size_t i = 0; i < FMI_COUNT(some_pairs); i++)
    ck_assert_str_eq(fmi_safetensors_pair(st, some_pairs[i].key), some_pairs[i].value);
  ck_assert_ptr_null(fmi_safetensors_tensor(st, "none"));
  ck_assert_ptr_null(fmi_safetensors_pair(st, "none"));
}

START_TEST(round_trip) {
  write_some();
  size_t n_bytes;
  uint64_t header;
  char *bytes = read_all(&n_bytes);
  memcpy(&header, bytes, sizeof header);
  ck_assert_uint_eq((8 + header) % 64, 0);
  /* At every alignment, in a block of the exact size so that a sanitizer sees reads beyond it. */
  for (size_t shift = 0; shift < 9; shift++) {
    char *copy = malloc(n_bytes + shift);
    memcpy(copy + shift, bytes, n_bytes);
    fmi_safetensors st;
    fmi_error err = {0};
    ck_assert_msg(fmi_safetensors_parse(memory, copy + shift, n_bytes, &st, &err) == FM_OK, "%s", err.text);
    check_some(&st);
    fmi_safetensors_free(&st);
    fmi_safetensors_free(&st); /* a second time does nothing */
    free(copy);
  }
  fmi_free(memory, bytes);
}
END_TEST

START_TEST(nothing_round_trips) {
  fmi_error err = {0};
  ck_assert_int_eq(fmi_safetensors_write(memory, file, NULL, 0, NULL, 0, &err), FM_OK);
  size_t n_bytes;
  void *bytes = read_all(&n_bytes);
  fmi_safetensors st;
  ck_assert_int_eq(fmi_safetensors_parse(memory, bytes, n_bytes, &st, &err), FM_OK);
  ck_assert_uint_eq(st.n_tensors, 0);
  ck_assert_uint_eq(st.n_pairs, 1);
  fmi_safetensors_free(&st);
  fmi_free(memory, bytes);
}
END_TEST

START_TEST(same_input_same_bytes) {
  write_some();
  size_t n_first, n_second;
  void *first = read_all(&n_first);
  write_some();
  void *second = read_all(&n_second);
  ck_assert_uint_eq(n_first, n_second);
  ck_assert_mem_eq(first, second, n_first);
  fmi_free(memory, first);
  fmi_free(memory, second);
}
END_TEST

START_TEST(what_may_not_be_written) {
  static const struct {
    fmi_tensor tensors[2];
    fmi_pair pairs[2];
    const char *says;
  } rows[] = {
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"a", FMI_F32, 0, {0}, f32, 4}},
       {{"k", ""}, {"l", ""}},
       "given twice"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 0, {0}, f32, 4}},
       {{"k", ""}, {"k", ""}},
       "given twice"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 0, {0}, f32, 4}},
       {{"k", ""}, {FMI_CHECKSUM_KEY, ""}},
       "given"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 0, {0}, f32, 4}}, {{"k", ""}, {"l", "\xff"}}, "UTF-8"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 0, {0}, f32, 4}}, {{"k", ""}, {"l", NULL}}, "NULL"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {NULL, FMI_F32, 0, {0}, f32, 4}}, {{"k", ""}, {"l", ""}}, "NULL"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b\xc3", FMI_F32, 0, {0}, f32, 4}}, {{"k", ""}, {"l", ""}}, "b?"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 1, {2}, f32, 4}},
       {{"k", ""}, {"l", ""}},
       "its 4 bytes"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 5, {1}, f32, 4}}, {{"k", ""}, {"l", ""}}, "rank"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", (fmi_dtype)9, 0, {1}, f32, 4}},
       {{"k", ""}, {"l", ""}},
       "dtype"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"b", FMI_F32, 0, {0}, NULL, 4}}, {{"k", ""}, {"l", ""}}, "NULL"},
      {{{"a", FMI_F32, 0, {0}, f32, 4}, {"__metadata__", FMI_F32, 0, {0}, f32, 4}},
       {{"k", ""}, {"l", ""}},
       "taken"},
  };
  for (size_t i = 0; i < FMI_COUNT(rows); i++) {
    fmi_error err = {0};
    fm_status status = fmi_safetensors_write(memory, file, rows[i].pairs, 2, rows[i].tensors, 2, &err);
    ck_assert_msg(status == FM_E_INVALID && strstr(err.text, rows[i].says), "row %zu: %d '%s'", i, status,
                  err.text);
    ck_assert_int_ne(access(file, F_OK), 0);
  }
}
END_TEST

START_TEST(sizes_that_cannot_be) {
  fmi_error err = {0};
  const fmi_tensor half = {"half", FMI_F32, 1, {UINT64_C(1) << 61}, f32, SIZE_MAX / 2 + 1};
  const fmi_tensor both[] = {half, {"other", FMI_F32, 1, {UINT64_C(1) << 61}, f32, SIZE_MAX / 2 + 1}};
  if (sizeof(size_t) == 8) {
    ck_assert_int_eq(fmi_safetensors_write(memory, file, NULL, 0, both, 2, &err), FM_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "overflow"));
  }
  /* 17 MB of control characters, each of which takes 6 bytes in the header. */
  size_t n = 17 << 20;
  char *text = malloc(n + 1);
  memset(text, 1, n);
  text[n] = '\0';
  const fmi_pair pair = {"k", text};
  ck_assert_int_eq(fmi_safetensors_write(memory, file, &pair, 1, NULL, 0, &err), FM_E_INVALID);
  ck_assert_ptr_nonnull(strstr(err.text, "at most 100000000"));
  /* A long name in a message is cut, between characters and with the cause behind it. */
  memset(text, 'x', n);
  memcpy(text + 78, "\xc3\xa9\xc3\xa9", 4);
  const fmi_tensor named = {text, FMI_F32, 0, {0}, NULL, 4};
  ck_assert_int_eq(fmi_safetensors_write(memory, file, NULL, 0, &named, 1, &err), FM_E_INVALID);
  ck_assert_ptr_nonnull(strstr(err.text, "xxx\xc3\xa9...': data is NULL"));
  ck_assert_int_ne(access(file, F_OK), 0);
  free(text);
}
END_TEST

/* ---- damage ------------------------------------------------------------------------------------- */

static void expect_refused(const void *bytes, size_t n_bytes) {
  char *copy = malloc(n_bytes + 1); /* + 1: malloc(0) may be NULL */
  memcpy(copy + 1, bytes, n_bytes);
  fmi_safetensors st;
  fmi_error err = {0};
  fm_status status = fmi_safetensors_parse(memory, copy + 1, n_bytes, &st, &err);
  ck_assert_msg(status == FM_E_CHECKSUM || status == FM_E_FORMAT, "%d %s", status, err.text);
  ck_assert_int_eq(err.status, status);
  ck_assert_str_ne(err.text, "");
  ck_assert(st.block == NULL && st.copies == NULL && st.n_tensors == 0 && st.n_pairs == 0);
  free(copy);
}

START_TEST(every_changed_bit_is_found) {
  write_some();
  size_t n_bytes;
  unsigned char *bytes = read_all(&n_bytes);
  for (size_t i = 0; i < n_bytes * 8; i++) {
    bytes[i / 8] ^= (unsigned char)(1u << i % 8);
    expect_refused(bytes, n_bytes);
    bytes[i / 8] ^= (unsigned char)(1u << i % 8);
  }
  fmi_free(memory, bytes);
}
END_TEST

START_TEST(every_cut_is_found) {
  write_some();
  size_t n_bytes;
  unsigned char *bytes = read_all(&n_bytes);
  for (size_t n = 0; n < n_bytes; n++) expect_refused(bytes, n);
  unsigned char *longer = calloc(1, n_bytes + 1);
  memcpy(longer, bytes, n_bytes);
  expect_refused(longer, n_bytes + 1);
  free(longer);
  fmi_free(memory, bytes);
}
END_TEST

/* ---- no memory ---------------------------------------------------------------------------------- */

typedef struct budget {
  size_t left;   /* allocations that will succeed */
  size_t blocks; /* given out now */
} budget;

static void *limited_alloc(void *user, size_t bytes, size_t alignment) {
  budget *b = user;
  if (b->left == 0) return NULL;
  b->left--;
  b->blocks++;
  return aligned_alloc(alignment, fmi_round_up(bytes, alignment));
}

static void limited_release(void *user, void *block) {
  ((budget *)user)->blocks--;
  free(block);
}

START_TEST(any_allocation_may_fail) {
  write_some();
  size_t n_bytes;
  void *bytes = read_all(&n_bytes);
  budget b = {.left = 1};
  fm_ctx_options options;
  fm_ctx_options_init(&options);
  options.alloc = limited_alloc;
  options.release = limited_release;
  options.alloc_user = &b;
  fmi_memory *limited = fmi_memory_create(&options);
  size_t n_failures = 0;
  for (size_t allowed = 0, done = 0; done < 2; allowed++) {
    fmi_safetensors st;
    fmi_error err = {0};
    b.left = allowed;
    fm_status parsed = fmi_safetensors_parse(limited, bytes, n_bytes, &st, &err);
    fmi_safetensors_free(&st);
    b.left = allowed;
    fm_status written = fmi_safetensors_write(limited, file, some_pairs, FMI_COUNT(some_pairs), some_tensors,
                                              FMI_COUNT(some_tensors), &err);
    ck_assert(parsed == FM_OK || parsed == FM_E_NOMEM);
    ck_assert(written == FM_OK || written == FM_E_NOMEM);
    ck_assert_uint_eq(b.blocks, 1); /* the fmi_memory itself */
    n_failures += (parsed != FM_OK) + (written != FM_OK);
    done = (size_t)(parsed == FM_OK) + (written == FM_OK);
  }
  ck_assert_uint_ge(n_failures, 5);
  fmi_memory_release(limited);
  fmi_free(memory, bytes);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("io");
  TCase *c = tcase_create("safetensors");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, round_trip);
  tcase_add_test(c, nothing_round_trips);
  tcase_add_test(c, same_input_same_bytes);
  tcase_add_test(c, what_may_not_be_written);
  tcase_add_test(c, sizes_that_cannot_be);
  tcase_add_test(c, every_changed_bit_is_found);
  tcase_add_test(c, every_cut_is_found);
  tcase_add_test(c, any_allocation_may_fail);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
