/* rng.c - noise as a pure function of where it is used. */
#include "core/rng.h"

#include <Random123/philox.h>

void fmi_rng_words(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block, uint32_t out[4]) {
  philox4x32_ctr_t counter = {{(uint32_t)row, (uint32_t)(row >> 32), block, stream}};
  philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
  philox4x32_ctr_t words = philox4x32(counter, key);
  memcpy(out, words.v, sizeof words.v);
}

void fmi_rng_row(uint64_t seed, uint32_t stream, uint64_t row, size_t n, uint32_t *out) {
  fmi_rng_row_from(seed, stream, row, 0, n, out);
}

void fmi_rng_row_from(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block, size_t n, uint32_t *out) {
  for (; n >= 4; n -= 4, out += 4) fmi_rng_words(seed, stream, row, block++, out);
  if (n > 0) {
    uint32_t words[4];
    fmi_rng_words(seed, stream, row, block, words);
    memcpy(out, words, n * sizeof *out);
  }
}

static uint64_t word64(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block) {
  uint32_t words[4];
  fmi_rng_words(seed, stream, row, block, words);
  return (uint64_t)words[1] << 32 | words[0];
}

double fmi_rng_uniform(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block) {
  /* The middle of one of 2^52 cells: never 0 or 1, and symmetric. */
  return ((double)(word64(seed, stream, row, block) >> 12) + 0.5) * 0x1p-52;
}

uint64_t fmi_rng_below(uint64_t seed, uint32_t stream, uint64_t row, uint32_t block, uint64_t bound) {
  /* The high half of a 64 x 64 bit product, without a 128-bit type. */
  uint64_t w = word64(seed, stream, row, block);
  uint64_t w0 = (uint32_t)w, w1 = w >> 32, b0 = (uint32_t)bound, b1 = bound >> 32;
  uint64_t middle = w1 * b0 + (w0 * b0 >> 32);
  uint64_t low_carry = ((uint32_t)middle + w0 * b1) >> 32;
  return w1 * b1 + (middle >> 32) + low_carry;
}

/* A bijective mixer's output for the Feistel rounds (the finaliser of MurmurHash3, Appleby). */
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
  return x ^ x >> 33;
}

uint64_t fmi_rng_shuffled(uint64_t seed, uint64_t epoch, uint64_t n, uint64_t i) {
  /* A Feistel network permutes 0 .. 4^half - 1 >= n; walking the cycle from i until it is back below n
     permutes 0 .. n - 1 (Black & Rogaway 2002). Fewer than four walks on average, since 4^half < 4 n. */
  unsigned half = 1;
  while (half < 32 && (n - 1) >> (2 * half) != 0) half++;
  uint64_t mask = ((uint64_t)1 << half) - 1;
  uint64_t key = word64(seed, FMI_STREAM_SHUFFLE, epoch, 0);
  do {
    uint64_t left = i >> half, right = i & mask;
    for (uint64_t round = 1; round <= 6; round++) {
      uint64_t mixed = left ^ (mix(key + (round << 32 | right)) & mask);
      left = right;
      right = mixed;
    }
    i = left << half | right;
  } while (i >= n);
  return i;
}
