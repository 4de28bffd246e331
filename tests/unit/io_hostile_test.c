/* Files made up to do harm, with the right checksum, so that the checks behind it are reached: each gets its
   status and a text, in time that grows with its length only. */
#include "fixture.h"
#include "io/safetensors.h"

static fmi_memory *memory;

static void setup(void) {
  memory = fmi_memory_create(NULL);
  ck_assert_ptr_nonnull(memory);
}

static void teardown(void) { fmi_memory_release(memory); }

/* Parses a file of this header and n_data zero bytes. The checksum is put right where there is a place. */
static fm_status parse_made_up(const char *header, size_t n_header, size_t n_data, fmi_error *err) {
  size_t n_bytes = 8 + n_header + n_data;
  unsigned char *bytes = calloc(1, n_bytes);
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)n_header >> (8 * i));
  memcpy(bytes + 8, header, n_header);
  fmi_safetensors_stamp(bytes, n_bytes);
  fmi_safetensors st;
  fm_status status = fmi_safetensors_parse(memory, bytes, n_bytes, &st, err);
  fmi_safetensors_free(&st);
  free(bytes);
  return status;
}

#define SUM "\"flowmatch.checksum\":\"xxh3:0000000000000000\""
#define META "\"__metadata__\":{" SUM "}"
#define F(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define TENSORS(list) "{" META "," list "}"
#define ONE(tensor) TENSORS("\"a\":" tensor)
#define TEXT(text) "{\"__metadata__\":{" SUM ",\"k\":\"" text "\"}}"

static const struct {
  const char *header;
  size_t n_data;
  fm_status status;
  const char *says;
} made_up[] = {
    /* the helper itself, and what is unusual but right */
    {ONE(F("[2]", "[0,8]")), 8, FM_OK, ""},
    {ONE(F("[2]", "[0,8]")) "  \n ", 8, FM_OK, ""},
    {"{ " META " ,\t\"a\" : { \"shape\" : [ 2 , 1 ] , \"data_offsets\":[0,8],\"dtype\":\"F32\"} }", 8, FM_OK,
     ""},
    {"{\"a\":" F("[2]", "[0,8]") "," META "}", 8, FM_OK, ""},
    {ONE("{\"\\u0064type\":\"\\u00463\\u0032\",\"shape\":[],\"data_offsets\":[0,4]}"), 4, FM_OK, ""},
    {ONE(F("[0,18446744073709551615]", "[0,0]")), 0, FM_OK, ""},
    {TEXT("\\ud83d\\ude00\\\\\\\"\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC"), 0, FM_OK, ""},
    /* no checksum where it is looked for */
    {"{\"__metadata__\":{}}", 0, FM_E_CHECKSUM, "flowmatch.checksum"},
    {"{\"a\":" F("[2]", "[0,8]") "}", 8, FM_E_CHECKSUM, "flowmatch.checksum"},
    {"{\"__metadata__\":{\"flowmatch.checksum\":\"xxh3:0\"}}", 0, FM_E_CHECKSUM, "flowmatch.checksum"},
    /* offsets and shapes */
    {ONE(F("[2]", "[0,8]")), 7, FM_E_FORMAT, "beyond the file"},
    {ONE(F("[2]", "[0,8]")), 9, FM_E_FORMAT, "tensors take 8 bytes, but 9"},
    {ONE(F("[3]", "[0,8]")), 8, FM_E_FORMAT, "don't fit"},
    {ONE(F("[1]", "[0,8]")), 8, FM_E_FORMAT, "don't fit"},
    {ONE(F("[1]", "[8,4]")), 8, FM_E_FORMAT, "end is before"},
    {ONE(F("[1]", "[4,8]")), 8, FM_E_FORMAT, "hole"},
    {TENSORS("\"a\":" F("[1]", "[0,4]") ",\"b\":" F("[1]", "[0,4]")), 4, FM_E_FORMAT, "overlaps"},
    {TENSORS("\"a\":" F("[1]", "[4,8]") ",\"b\":" F("[1]", "[0,4]")), 8, FM_E_FORMAT, "hole"},
    {TENSORS("\"a\":" F("[1]", "[0,4]") ",\"b\":" F("[1]", "[8,12]")), 12, FM_E_FORMAT, "hole"},
    {ONE(F("[4294967296,4294967296]", "[0,0]")), 0, FM_E_FORMAT, "overflows"},
    {ONE(F("[4294967296,4294967296,0]", "[0,0]")), 0, FM_E_FORMAT, "overflows"},
    {ONE(F("[4611686018427387904]", "[0,0]")), 0, FM_E_FORMAT, "overflows"},
    {ONE(F("[1]", "[18446744073709551612,18446744073709551616]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[1]", "[18446744073709551612,18446744073709551615]")), 4, FM_E_FORMAT, "beyond"},
    {ONE(F("[1,1,1,1,1]", "[0,4]")), 4, FM_E_UNSUPPORTED, "tensor 'a': its shape has more than 4"},
    {ONE(F("[-1]", "[0,4]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[1.0]", "[0,4]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[1e0]", "[0,4]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[01]", "[0,4]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[true]", "[0,4]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[\"1\"]", "[0,4]")), 4, FM_E_FORMAT, "integer"},
    {ONE(F("[[1]]", "[0,4]")), 4, FM_E_FORMAT, "deeper"},
    {ONE(F("1", "[0,4]")), 4, FM_E_FORMAT, "an array"},
    {ONE(F("{\"a\":1}", "[0,4]")), 4, FM_E_FORMAT, "an array"},
    {ONE(F("[1]", "[0]")), 4, FM_E_FORMAT, "two numbers"},
    {ONE(F("[1]", "[0,4,8]")), 4, FM_E_FORMAT, "two numbers"},
    {ONE(F("[1]", "null")), 4, FM_E_FORMAT, "an array"},
    /* fields and names */
    {ONE("{\"shape\":[1],\"data_offsets\":[0,4]}"), 4, FM_E_FORMAT, "lacks"},
    {ONE("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"), 4, FM_E_FORMAT, "lacks"},
    {ONE("{\"dtype\":\"F32\",\"shape\":[1]}"), 4, FM_E_FORMAT, "lacks"},
    {ONE("{}"), 0, FM_E_FORMAT, "lacks"},
    {ONE("{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"), 4, FM_E_FORMAT,
     "twice"},
    {ONE("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}"), 4, FM_E_FORMAT, "none of"},
    {ONE("{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}"), 4, FM_E_UNSUPPORTED,
     "'a': dtype 'BF16'"},
    {ONE("{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,4]}"), 4, FM_E_FORMAT, "a string"},
    {ONE("[0,4]"), 4, FM_E_FORMAT, "an object"},
    {ONE("\"text\""), 4, FM_E_FORMAT, "an object"},
    {TENSORS("\"a\":" F("[1]", "[0,4]") ",\"\\u0061\":" F("[1]", "[4,8]")), 8, FM_E_FORMAT,
     "tensor 'a' is there twice"},
    {"{\"__metadata__\":{" SUM ",\"k\":\"\",\"k\":\"\"}}", 0, FM_E_FORMAT, "metadata key 'k' is there twice"},
    {"{" META ",\"__metadata\\u005f_\":{}}", 0, FM_E_FORMAT, "__metadata__ twice"},
    {"{\"__metadata__\":{" SUM ",\"k\":1}}", 0, FM_E_FORMAT, "a string"},
    {"{\"__metadata__\":{" SUM ",\"k\":{}}}", 0, FM_E_FORMAT, "a string"},
    /* JSON that is not quite JSON */
    {"", 0, FM_E_CHECKSUM, "flowmatch.checksum"},
    {" " ONE(F("[1]", "[0,4]")), 4, FM_E_FORMAT, "expected '{'"},
    {ONE(F("[1]", "[0,4]")) "}", 4, FM_E_FORMAT, "JSON"},
    {ONE(F("[1]", "[0,4]")) "{}", 4, FM_E_FORMAT, "white space"},
    {ONE(F("[1]", "[0,4]")) ",", 4, FM_E_FORMAT, "white space"},
    {"{" META, 0, FM_E_FORMAT, "ends too early"},
    {"{" META ",}", 0, FM_E_FORMAT, "white space"},
    {"{," META "}", 0, FM_E_FORMAT, "white space"},
    {"{" META " \"a\":" F("[1]", "[0,4]") "}", 4, FM_E_FORMAT, ""},
    {"{" META ",,\"a\":" F("[1]", "[0,4]") "}", 4, FM_E_FORMAT, "white space"},
    {"{" META ":\"a\":" F("[1]", "[0,4]") "}", 4, FM_E_FORMAT, ""},
    {"{" META ",\"a\" " F("[1]", "[0,4]") "}", 4, FM_E_FORMAT, ""},
    {"{" META ",\"a\"," F("[1]", "[0,4]") "}", 4, FM_E_FORMAT, ""},
    {"{" META ",\"a\"}", 0, FM_E_FORMAT, ""},
    {"{" META ",1:2}", 0, FM_E_FORMAT, ""},
    {"[" SUM "]", 0, FM_E_FORMAT, "expected '{'"},
    {ONE(F("[1 1]", "[0,4]")), 4, FM_E_FORMAT, ""},
    {ONE(F("[1,]", "[0,4]")), 4, FM_E_FORMAT, ""},
    {ONE(F("[1}", "[0,4]")), 4, FM_E_FORMAT, ""},
    {TEXT("\\ud83d"), 0, FM_E_FORMAT, "an escape"},
    {TEXT("\\ud83d\\u0041"), 0, FM_E_FORMAT, "an escape"},
    {TEXT("\\ude00"), 0, FM_E_FORMAT, "an escape"},
    {TEXT("\\u0000"), 0, FM_E_FORMAT, "an escape"},
    {TEXT("\\x41"), 0, FM_E_FORMAT, "JSON"},
    {TEXT("\\u00g0"), 0, FM_E_FORMAT, "JSON"},
    {TEXT("\\u00"), 0, FM_E_FORMAT, ""},
    {TEXT("\n"), 0, FM_E_FORMAT, "control character"},
    {TEXT("\xc0\x80"), 0, FM_E_FORMAT, "UTF-8"},
    {TEXT("\xed\xa0\x80"), 0, FM_E_FORMAT, "UTF-8"},
    {TEXT("\xf4\x90\x80\x80"), 0, FM_E_FORMAT, "UTF-8"},
    {TEXT("\xe2\x82"), 0, FM_E_FORMAT, "UTF-8"},
};

START_TEST(made_up_headers) {
  for (size_t i = 0; i < FMI_COUNT(made_up); i++) {
    fmi_error err = {0};
    const char *header = made_up[i].header;
    fm_status status = parse_made_up(header, strlen(header), made_up[i].n_data, &err);
    ck_assert_msg(status == made_up[i].status && strstr(err.text, made_up[i].says) != NULL,
                  "%s\n gave %s '%s', not %s '%s'", header, fm_status_name(status), err.text,
                  fm_status_name(made_up[i].status), made_up[i].says);
    ck_assert_msg((status == FM_OK) == (err.text[0] == '\0'), "%s: '%s'", header, err.text);
  }
}
END_TEST

START_TEST(lengths_of_the_header) {
  static const uint64_t lengths[] = {UINT64_MAX,
                                     UINT64_C(1) << 63,
                                     UINT64_MAX - 7,
                                     FMI_SAFETENSORS_MAX_HEADER + 1u,
                                     FMI_SAFETENSORS_MAX_HEADER,
                                     57};
  for (size_t i = 0; i < FMI_COUNT(lengths); i++) {
    unsigned char bytes[64];
    memset(bytes, ' ', sizeof bytes);
    for (int b = 0; b < 8; b++) bytes[b] = (unsigned char)(lengths[i] >> (8 * b));
    fmi_safetensors st;
    fmi_error err = {0};
    ck_assert_int_eq(fmi_safetensors_parse(memory, bytes, sizeof bytes, &st, &err), FM_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "header of"));
  }
}
END_TEST

/* Depth and number must not cost more than their length: 4 MB each, or half of one. */
START_TEST(bombs) {
  static const char *const pieces[] = {"[",   "{\"a\":", "{",    "}",      "\"a\":",   ":",           ",",
                                       "[],", "1,",      "\"\\", "\"\\\"", "\"\":{},", "\"k\":\"k\":"};
  const size_t size = quick() ? 1u << 19 : 4u << 20;
  char *header = malloc(size);
  ck_assert_ptr_nonnull(header);
  for (size_t i = 0; i < FMI_COUNT(pieces); i++) {
    size_t n = strlen("{" META ","), step = strlen(pieces[i]);
    memcpy(header, "{" META ",", n);
    for (; n + step <= size; n += step) memcpy(header + n, pieces[i], step);
    fmi_error err = {0};
    ck_assert_int_eq(parse_made_up(header, n, 0, &err), FM_E_FORMAT);
    ck_assert_str_ne(err.text, "");
  }
  free(header);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("io_hostile");
  TCase *c = tcase_create("made up");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, made_up_headers);
  tcase_add_test(c, lengths_of_the_header);
  tcase_add_test(c, bombs);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
