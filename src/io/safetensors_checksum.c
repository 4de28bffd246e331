/* safetensors_checksum.c - the checksum that guards every byte of a file.

   The metadata's first pair is "flowmatch.checksum": "xxh3:" and 16 lower-case hexadecimal digits. They are
   the 64-bit XXH3 hash (seed 0, most significant digit first) of all bytes of the file, header included, in
   which these 16 digits themselves are taken as '0'. To check a file with other tools: find the first
   place in the header where the bytes

       "flowmatch.checksum":"xxh3:

   stand, take the 16 digits that follow, overwrite them by 0000000000000000, hash the whole file and
   compare. The place is found by its bytes, not by parsing, so that damage is found before anything that
   may be damaged is believed. A program that rewrites the file writes other bytes and loses the checksum's
   blessing, which is the intention. */
#include "io/safetensors.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char mark[] = "\"" FMI_CHECKSUM_KEY "\":\"" FMI_CHECKSUM_PREFIX;
static const char blank[] = "0000000000000000";
enum { MARK_LENGTH = sizeof mark - 1, LENGTH_BYTES = 8 };
_Static_assert(sizeof blank - 1 == FMI_CHECKSUM_DIGITS, "one blank per digit");

/* Where the header ends: what its length says, but within the bytes there are. */
static size_t header_end(const unsigned char *bytes, size_t n_bytes) {
  if (n_bytes < LENGTH_BYTES) return 0;
  uint64_t length = 0;
  for (int i = LENGTH_BYTES - 1; i >= 0; i--) length = length << 8 | bytes[i];
  return length < n_bytes - LENGTH_BYTES ? LENGTH_BYTES + (size_t)length : n_bytes;
}

/* The offset of the digits, 0 if there are none. */
static size_t find_digits(const unsigned char *bytes, size_t n_bytes) {
  size_t end = header_end(bytes, n_bytes);
  for (size_t at = LENGTH_BYTES; at + MARK_LENGTH + FMI_CHECKSUM_DIGITS < end; at++) {
    const unsigned char *quote = memchr(bytes + at, '"', end - at - MARK_LENGTH - FMI_CHECKSUM_DIGITS);
    if (quote == NULL) return 0;
    at = (size_t)(quote - bytes);
    if (memcmp(quote, mark, MARK_LENGTH) == 0) return at + MARK_LENGTH;
  }
  return 0;
}

/* The digits of head, which has its own at offset `at`, followed by the tensors' data. */
static void compute(const unsigned char *head, size_t n_head, size_t at, const fmi_tensor *tensors,
                    size_t n_tensors, char digits[FMI_CHECKSUM_DIGITS]) {
  size_t after = at + FMI_CHECKSUM_DIGITS;
  XXH3_state_t state;
  memset(&state, 0, sizeof state); /* as xxhash.h asks for a state on the stack */
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, head, at);
  XXH3_64bits_update(&state, blank, FMI_CHECKSUM_DIGITS);
  XXH3_64bits_update(&state, head + after, n_head - after);
  for (size_t i = 0; i < n_tensors; i++)
    if (tensors[i].bytes != 0) XXH3_64bits_update(&state, tensors[i].data, tensors[i].bytes);
  uint64_t hash = XXH3_64bits_digest(&state);
  for (int i = FMI_CHECKSUM_DIGITS - 1; i >= 0; i--, hash >>= 4) digits[i] = "0123456789abcdef"[hash & 15];
}

fm_status fmi_checksum_verify(const void *bytes, size_t n_bytes, fmi_error *err) {
  size_t at = find_digits(bytes, n_bytes);
  if (at == 0)
    return fmi_fail(err, FM_E_CHECKSUM, "the header holds no %s: damaged, or not written by this library",
                    FMI_CHECKSUM_KEY);
  char digits[FMI_CHECKSUM_DIGITS];
  compute(bytes, n_bytes, at, NULL, 0, digits);
  const char *stored = (const char *)bytes + at;
  if (memcmp(digits, stored, sizeof digits) == 0) return FM_OK;
  return fmi_fail(err, FM_E_CHECKSUM,
                  "%s: the bytes give %.16s, another one is stored: they were changed or cut",
                  FMI_CHECKSUM_KEY, digits);
}

bool fmi_checksum_stamp(void *head, size_t n_head, const fmi_tensor *tensors, size_t n_tensors) {
  size_t at = find_digits(head, n_head);
  if (at == 0) return false;
  char digits[FMI_CHECKSUM_DIGITS];
  compute(head, n_head, at, tensors, n_tensors, digits);
  memcpy((char *)head + at, digits, sizeof digits);
  return true;
}

uint64_t fmi_hash(const void *bytes, size_t n_bytes) { return XXH3_64bits(bytes, n_bytes); }

bool fmi_safetensors_stamp(void *bytes, size_t n_bytes) {
  return fmi_checksum_stamp(bytes, n_bytes, NULL, 0);
}
