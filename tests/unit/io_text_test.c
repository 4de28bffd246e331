/* Numbers as text: exact both ways, whatever the locale. */
#include "io/safetensors.h"

#include <check.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* splitmix64: patterns that are the same on every run. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static double from_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Formats, parses by ours and by strtod, and compares bits. Plain ifs: Check's assertions take a system call
   each, which is too slow for hundreds of thousands. */
static void expect_same_double(uint64_t bits) {
  char text[40];
  memset(text, '#', sizeof text);
  double back = 0;
  fmi_text_from_double(text, from_bits(bits));
  if (memchr(text, '\0', 26) == NULL) ck_abort_msg("no end: %.40s", text);
  bool finite = (bits >> 52 & 0x7ff) != 0x7ff;
  if (fmi_text_to_double(text, &back) != finite) ck_abort_msg("%s", text);
  if (!finite) return;
  if (bits_of(back) != bits) ck_abort_msg("%s is not 0x%016" PRIx64, text, bits);
  if (bits_of(strtod(text, NULL)) != bits) ck_abort_msg("strtod: %s is not 0x%016" PRIx64, text, bits);
}

START_TEST(doubles_round_trip) {
  uint64_t state = 1;
  for (int i = 0; i < 100000; i++) {
    uint64_t bits = next_random(&state);
    expect_same_double(bits);                                                 /* anything */
    expect_same_double(bits & 0x800fffffffffffffu);                           /* subnormal */
    expect_same_double((bits & 0xfff0000000000000u) | (1ull << (bits % 52))); /* few digits */
  }
  const double ends[] = {
      0.0, -0.0, 1.0, DBL_MAX, -DBL_MAX, DBL_MIN, DBL_EPSILON, 0x1p-1074, 0x1.ffffffffffffep-1023};
  for (size_t i = 0; i < FMI_COUNT(ends); i++) expect_same_double(bits_of(ends[i]));
}
END_TEST

START_TEST(doubles_look_as_expected) {
  static const struct {
    double value;
    const char *text;
  } rows[] = {{0.0, "0x0p+0"},
              {-0.0, "-0x0p+0"},
              {1.0, "0x1p+0"},
              {-3.0, "-0x1.8p+1"},
              {0.1, "0x1.999999999999ap-4"},
              {0x1p-1074, "0x1p-1074"},
              {DBL_MIN, "0x1p-1022"},
              {DBL_MAX, "0x1.fffffffffffffp+1023"}};
  for (size_t i = 0; i < FMI_COUNT(rows); i++) {
    char text[40];
    fmi_text_from_double(text, rows[i].value);
    ck_assert_str_eq(text, rows[i].text);
  }
}
END_TEST

START_TEST(doubles_from_other_hands) {
  static const struct {
    const char *text;
    double value;
  } rows[] = {{"0x1.8000000000000p+1", 3.0},
              {"0x0.0000000000001p-1022", 0x1p-1074},
              {"0X1.FP4", 31.0},
              {"0x10p0", 16.0},
              {"0x0.0p+0", 0.0},
              {"0x0p+9999", 0.0},
              {"0x1ffffffffffffe00p-9", 0x1.ffffffffffffep+51},
              {"0", 0.0},
              {"-0", -0.0},
              {"7", 7.0},
              {"0.25", 0.25},
              {"1e-3", 1e-3},
              {"1E+3", 1e3},
              {"-2.5e-07", -2.5e-7},
              {"123456789012345", 123456789012345.0},
              {"1e22", 1e22},
              {"1e-22", 1e-22},
              {"0.3", 0.3},
              {"0.0e999", 0.0}};
  for (size_t i = 0; i < FMI_COUNT(rows); i++) {
    double value = 99;
    ck_assert_msg(fmi_text_to_double(rows[i].text, &value), "%s", rows[i].text);
    ck_assert_msg(bits_of(value) == bits_of(rows[i].value), "%s gave %a", rows[i].text, value);
  }
}
END_TEST

START_TEST(decimals_agree_with_strtod) {
  uint64_t state = 2;
  for (int i = 0; i < 100000; i++) {
    char text[40];
    uint64_t r = next_random(&state);
    snprintf(text, sizeof text, "%s%u.%0*ue%d", r & 1 ? "-" : "", (unsigned)(r >> 1) % 1000000,
             1 + (int)(r >> 40 & 7), (unsigned)(r >> 20) % 10, (int)(r >> 44 & 31) - 13);
    double value = 99;
    if (!fmi_text_to_double(text, &value)) ck_abort_msg("%s", text);
    if (bits_of(value) != bits_of(strtod(text, NULL))) ck_abort_msg("%s gave %a", text, value);
  }
}
END_TEST

START_TEST(what_is_no_double) {
  static const char *const texts[] = {"",
                                      " ",
                                      "-",
                                      "+1",
                                      "1 ",
                                      " 1",
                                      "nan",
                                      "inf",
                                      "-inf",
                                      "NaN",
                                      "1,5",
                                      ".5",
                                      "5.",
                                      "1..2",
                                      "1.2.3",
                                      "1e",
                                      "1e+",
                                      "1e1.5",
                                      "01",
                                      "00.5",
                                      "1f",
                                      "0x",
                                      "0x1",
                                      "0x1p",
                                      "0xp1",
                                      "0x1p+",
                                      "0x.8p1",
                                      "0x1.p1",
                                      "0x1p+1024",
                                      "0x1p-1075",
                                      "1e23",
                                      "1e-23",
                                      "--1",
                                      "0x1p1 ",
                                      "0x1p+1x",
                                      "0xgp1",
                                      "1e99999",
                                      "0x1p99999",
                                      "infinity",
                                      "1e2147483648",
                                      "0x1.fffffffffffff8p+1023",
                                      "0x1.00000000000008p+0",
                                      "0x3p-1075",
                                      "0x1.8p-1074",
                                      "1234567890123456",
                                      "0.1234567890123456",
                                      "0x11111111111111111p+0",
                                      "0x1p+-1"};
  for (size_t i = 0; i < FMI_COUNT(texts); i++) {
    double value = 99;
    ck_assert_msg(!fmi_text_to_double(texts[i], &value) && value == 99, "'%s' gave %a", texts[i], value);
  }
}
END_TEST

START_TEST(integers) {
  static const uint64_t ends[] = {0, 1, 9, 10, 99, 100, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
  uint64_t state = 3;
  for (size_t i = 0; i < 100000; i++) {
    uint64_t want = i < FMI_COUNT(ends) ? ends[i] : next_random(&state) >> i % 64, got = 7;
    char text[24], reference[24];
    fmi_text_from_u64(text, want);
    snprintf(reference, sizeof reference, "%" PRIu64, want);
    if (strcmp(text, reference) != 0) ck_abort_msg("%s is not %s", text, reference);
    if (!fmi_text_to_u64(text, &got) || got != want) ck_abort_msg("%s", text);
  }
  static const char *const no_integers[] = {"",
                                            " 1",
                                            "1 ",
                                            "+1",
                                            "-1",
                                            "01",
                                            "00",
                                            "0x1",
                                            "1.0",
                                            "1e3",
                                            "a",
                                            "18446744073709551616",
                                            "99999999999999999999",
                                            "184467440737095516150"};
  for (size_t i = 0; i < FMI_COUNT(no_integers); i++) {
    uint64_t value = 7;
    ck_assert_msg(!fmi_text_to_u64(no_integers[i], &value) && value == 7, "'%s'", no_integers[i]);
  }
}
END_TEST

/* A locale with a decimal comma, where the machine has one. */
START_TEST(locale_does_not_matter) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "ru_RU.UTF-8"};
  for (size_t i = 0; i < FMI_COUNT(names); i++) {
    if (setlocale(LC_ALL, names[i]) == NULL) continue;
    char text[40];
    double value = 0;
    fmi_text_from_double(text, 1.5);
    ck_assert_str_eq(text, "0x1.8p+0");
    ck_assert(fmi_text_to_double("0.25", &value) && value == 0.25);
    ck_assert(!fmi_text_to_double("0,25", &value));
  }
  setlocale(LC_ALL, "C");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("io_text");
  TCase *c = tcase_create("numbers");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, doubles_round_trip);
  tcase_add_test(c, doubles_look_as_expected);
  tcase_add_test(c, doubles_from_other_hands);
  tcase_add_test(c, decimals_agree_with_strtod);
  tcase_add_test(c, what_is_no_double);
  tcase_add_test(c, integers);
  tcase_add_test(c, locale_does_not_matter);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
