/* rng_test.c - counter-based noise: the generator's known answers, numbers without bias, and shuffles that
   are permutations. */
#include "fixture.h"

#include "core/rng.h"

/* The known answers that come with Random123 for philox4x32-10: counter, key, words. */
START_TEST(philox_has_the_known_answers) {
  static const uint32_t answers[][10] = {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
                                          0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822,
                                          0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (size_t i = 0; i < FMI_COUNT(answers); i++) {
    const uint32_t *a = answers[i];
    uint32_t words[4];
    fmi_rng_words((uint64_t)a[5] << 32 | a[4], a[3], (uint64_t)a[1] << 32 | a[0], a[2], words);
    SAME(words, a + 6, 4);
  }
  uint32_t row[11], block[4]; /* a row is its blocks side by side, at any length */
  for (size_t n = 0; n <= 11; n++) {
    memset(row, 0, sizeof row);
    fmi_rng_row(5, 6, 7, n, row);
    for (size_t i = 0; i < 11; i++) {
      fmi_rng_words(5, 6, 7, (uint32_t)(i / 4), block);
      ck_assert_uint_eq(row[i], i < n ? block[i % 4] : 0);
    }
    memset(row, 0, sizeof row);
    fmi_rng_row_from(5, 6, 7, 3, n, row);
    for (size_t i = 0; i < 11; i++) {
      fmi_rng_words(5, 6, 7, (uint32_t)(3 + i / 4), block);
      ck_assert_uint_eq(row[i], i < n ? block[i % 4] : 0);
    }
  }
}
END_TEST

START_TEST(uniform_numbers_are_uniform) {
  enum { N = 100000 };
  double sum = 0, square = 0, product = 0, last = 0.5, low = 1, high = 0;
  for (uint64_t i = 0; i < N; i++) {
    double u = fmi_rng_uniform(3, 2, i, 0);
    HOLDS(u > 0 && u < 1, "%g is not between 0 and 1", u);
    sum += u, square += u * u, product += (u - 0.5) * (last - 0.5);
    low = u < low ? u : low, high = u > high ? u : high, last = u;
  }
  CLOSE(sum / N, 0.5, 5 / sqrt(12.0 * N));
  CLOSE(square / N, 1.0 / 3, 5 * sqrt(4.0 / 45 / N));
  CLOSE(product / N, 0, 5.0 / 12 / sqrt((double)N)); /* neighbouring rows are independent */
  ck_assert(low < 2e-4 && high > 1 - 2e-4);
}
END_TEST

START_TEST(below_is_below_and_unbiased) {
  static const uint64_t bounds[] = {
      1,         2, 3, 10, 1000003, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_C(0xfffffffffffffff1),
      UINT64_MAX};
  for (size_t k = 0; k < FMI_COUNT(bounds); k++)
    for (uint64_t row = 0; row < 2000; row++) {
      uint32_t w[4];
      fmi_rng_words(11, 7, row, 3, w);
      /* floor(word * bound / 2^64), in halves with every carry written out */
      uint64_t high = w[1], low = w[0], b_high = bounds[k] >> 32, b_low = bounds[k] & 0xffffffff;
      uint64_t cross = (low * b_low >> 32) + (high * b_low & 0xffffffff) + (low * b_high & 0xffffffff);
      uint64_t want = high * b_high + (high * b_low >> 32) + (low * b_high >> 32) + (cross >> 32);
      uint64_t got = fmi_rng_below(11, 7, row, 3, bounds[k]);
      HOLDS(got == want && got < bounds[k], "%llu below %llu, expected %llu", (unsigned long long)got,
            (unsigned long long)bounds[k], (unsigned long long)want);
    }
  enum { N = 70000, CELLS = 7 };
  double count[CELLS] = {0}, chi = 0;
  for (uint64_t row = 0; row < N; row++) count[fmi_rng_below(1, 7, row, 0, CELLS)]++;
  for (size_t i = 0; i < CELLS; i++)
    chi += (count[i] - N / CELLS) * (count[i] - N / CELLS) / (N / (double)CELLS);
  ck_assert(chi < 30); /* 6 degrees of freedom: above 30 once in 25000 */
}
END_TEST

static void check_permutation(uint64_t seed, uint64_t epoch, uint64_t n, unsigned char *seen) {
  memset(seen, 0, n);
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t to = fmi_rng_shuffled(seed, epoch, n, i);
    wrong += to >= n || seen[to] != 0;
    if (to < n) seen[to] = 1;
  }
  ck_assert_msg(wrong == 0, "n %llu: %llu rows go outside or where another went", (unsigned long long)n,
                (unsigned long long)wrong);
}
static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

START_TEST(shuffles_are_permutations) {
  unsigned char *seen = new_block(1100000, 1);
  for (uint64_t n = 1; n <= 300; n += quick() ? 23 : 1)
    for (uint64_t epoch = 0; epoch < 3; epoch++) check_permutation(n, epoch, n, seen);
  static const uint64_t whole[] = {4095, 4096, 4097, 65536, 65537, 262145, 1048576, 1000003};
  for (size_t i = 0; i < FMI_COUNT(whole) - (quick() ? 6 : 0); i++) check_permutation(1, i, whole[i], seen);
  free(seen);
  /* Too large to visit: different rows go to different rows, below n. */
  static const uint64_t large[] = {UINT64_C(1) << 32, (UINT64_C(1) << 40) + 7, (UINT64_C(1) << 62) + 1,
                                   UINT64_MAX};
  enum { SOME = 20000 };
  uint64_t *to = new_block(SOME, sizeof *to);
  for (size_t k = 0; k < FMI_COUNT(large); k++) {
    double mean = 0;
    for (uint64_t i = 0; i < SOME; i++) {
      to[i] = fmi_rng_shuffled(9, 0, large[k], large[k] - 1 - i);
      HOLDS(to[i] < large[k], "row %llu goes outside", (unsigned long long)i);
      mean += (double)to[i] / (double)large[k] / SOME;
    }
    CLOSE(mean, 0.5, 5 / sqrt(12.0 * SOME)); /* neighbours scatter over the whole table */
    qsort(to, SOME, sizeof *to, by_value);
    for (size_t i = 1; i < SOME; i++) HOLDS(to[i] != to[i - 1], "two rows go to one place");
  }
  free(to);
}
END_TEST

/* Over epochs every row comes everywhere equally often, also in tables much smaller than a Feistel domain. */
START_TEST(shuffles_differ_from_epoch_to_epoch) {
  static const uint64_t sizes[] = {2, 5, 7, 17, 60};
  const uint64_t epochs = quick() ? 2000 : 20000;
  for (size_t k = 0; k < FMI_COUNT(sizes); k++) {
    uint64_t n = sizes[k];
    double count[64] = {0}, expected = (double)epochs / (double)n, chi = 0;
    for (uint64_t epoch = 0; epoch < epochs; epoch++) count[fmi_rng_shuffled(77, epoch, n, n / 2)]++;
    for (uint64_t i = 0; i < n; i++) chi += (count[i] - expected) * (count[i] - expected) / expected;
    double freedom = (double)n - 1;
    ck_assert_msg(chi < freedom + 6 * sqrt(2 * freedom) + 12, "n %llu: chi squared %g", (unsigned long long)n,
                  chi);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {philox_has_the_known_answers, uniform_numbers_are_uniform,
                                below_is_below_and_unbiased, shuffles_are_permutations,
                                shuffles_differ_from_epoch_to_epoch};
  return run_tests("rng", tests, FMI_COUNT(tests));
}
