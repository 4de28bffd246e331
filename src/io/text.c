/* text.c - numbers as text and back, exactly. printf and strtod follow the host's locale, which may write a
   comma for the point and may change while we run; so everything here goes by the bits. */
#include "io/safetensors.h"

#include <float.h>

/* The bits of an IEEE 754 double: 1 sign, 11 exponent (biased by 1023), 52 fraction. */
#define FRACTION_BITS 52
#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)
#define EXPONENT_MASK 0x7ff
#define BIAS 1023
#define MIN_EXPONENT (-1074) /* of the least bit of the smallest subnormal */
#define MAX_EXPONENT 1023    /* of the greatest bit of the largest number */

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

/* Index of the highest bit set; value != 0. */
static int highest_bit(uint64_t value) {
  int bit = 0;
  while (value >>= 1) bit++;
  return bit;
}

/* ---- writing ------------------------------------------------------------------------------------ */

/* Writes decimal digits and returns their end. */
static char *put_u64(char *out, uint64_t value) {
  char digits[20];
  size_t n = 0;
  do digits[n++] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  while (n > 0) *out++ = digits[--n];
  return out;
}

void fmi_text_from_u64(char out[24], uint64_t value) { *put_u64(out, value) = '\0'; }

/* [-]0x1[.h]p[+-]d, the leading digit 1 also for subnormals; zero is [-]0x0p+0. At most 25 bytes. */
void fmi_text_from_double(char out[40], double value) {
  uint64_t bits = bits_of(value);
  uint64_t fraction = bits & FRACTION_MASK;
  int biased = (int)(bits >> FRACTION_BITS) & EXPONENT_MASK;
  if (bits >> 63) *out++ = '-';
  if (biased == EXPONENT_MASK) { /* not a number to be read back, but fit for a message */
    memcpy(out, fraction != 0 ? "nan" : "inf", 4);
    return;
  }
  bool zero = biased == 0 && fraction == 0;
  int exponent = zero ? 0 : biased - BIAS;
  if (biased == 0 && !zero) { /* subnormal: bring its highest bit to where the implicit 1 is */
    int high = highest_bit(fraction);
    exponent = MIN_EXPONENT + high;
    fraction = (fraction << (FRACTION_BITS - high)) & FRACTION_MASK;
  }
  memcpy(out, zero ? "0x0" : "0x1", 3);
  out += 3;
  if (fraction != 0) *out++ = '.';
  for (; fraction != 0; fraction = (fraction << 4) & FRACTION_MASK)
    *out++ = "0123456789abcdef"[fraction >> (FRACTION_BITS - 4)];
  *out++ = 'p';
  *out++ = exponent < 0 ? '-' : '+';
  *put_u64(out, (uint64_t)(exponent < 0 ? -exponent : exponent)) = '\0';
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool fmi_text_span_to_u64(const char *text, size_t length, uint64_t *value) {
  if (length == 0 || (length > 1 && text[0] == '0')) return false;
  uint64_t v = 0;
  for (size_t i = 0; i < length; i++) {
    if (!is_digit(text[i])) return false;
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (v > (UINT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
  }
  *value = v;
  return true;
}

bool fmi_text_to_u64(const char *text, uint64_t *value) {
  return fmi_text_span_to_u64(text, strlen(text), value);
}

/* Reads "[+-]digits" to the end of the text. Four digits are more than any exponent needs. */
static bool read_exponent(const char *text, int *exponent) {
  bool negative = *text == '-';
  if (*text == '-' || *text == '+') text++;
  int value = 0, n = 0;
  for (; is_digit(text[n]); n++) {
    if (n == 4) return false;
    value = value * 10 + (text[n] - '0');
  }
  *exponent = negative ? -value : value;
  return n > 0 && text[n] == '\0';
}

/* The double that is exactly mantissa * 2^exponent, if there is one. */
static bool scale_by_two(uint64_t mantissa, int exponent, double *value) {
  if (mantissa == 0) {
    *value = 0.0;
    return true;
  }
  while ((mantissa & 1) == 0) {
    mantissa >>= 1;
    exponent++;
  }
  int high = highest_bit(mantissa);
  if (high > FRACTION_BITS || exponent < MIN_EXPONENT || exponent + high > MAX_EXPONENT) return false;
  int top = exponent + high;
  if (top < 1 - BIAS) { /* subnormal */
    *value = from_bits(mantissa << (exponent - MIN_EXPONENT));
    return true;
  }
  uint64_t fraction = (mantissa << (FRACTION_BITS - high)) & FRACTION_MASK;
  *value = from_bits((uint64_t)(top + BIAS) << FRACTION_BITS | fraction);
  return true;
}

static int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Reads what follows "0x": h[.h]p[+-]d with up to 16 significant hexadecimal digits. */
static bool read_hexadecimal(const char *text, double *value) {
  uint64_t mantissa = 0;
  int n_digits = 0, n_fraction = 0, exponent;
  bool point = false;
  for (;; text++) {
    if (*text == '.' && !point && n_digits > 0) {
      point = true;
      continue;
    }
    int digit = hex_digit(*text);
    if (digit < 0) break;
    if (mantissa >> 60 || n_digits == 40) return false; /* too long to be one of ours */
    mantissa = mantissa << 4 | (uint64_t)digit;
    n_digits++;
    n_fraction += point;
  }
  if (n_digits == 0 || (point && n_fraction == 0)) return false;
  if ((*text != 'p' && *text != 'P') || !read_exponent(text + 1, &exponent)) return false;
  return scale_by_two(mantissa, exponent - 4 * n_fraction, value);
}

/* A mantissa of up to 15 digits and a power of ten up to 10^22 are both exact in a double, so that one
   multiplication or division rounds correctly (Clinger, "How to Read Floating Point Numbers Accurately").
   It needs arithmetic that is truly double. */
static bool scale_by_ten(uint64_t mantissa, int exponent, double *value) {
  static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (mantissa == 0) exponent = 0;
  int size = exponent < 0 ? -exponent : exponent;
  if (size >= (int)FMI_COUNT(power) || (size != 0 && FLT_EVAL_METHOD != 0)) return false;
  *value = exponent < 0 ? (double)mantissa / power[size] : (double)mantissa * power[size];
  return true;
}

/* Reads d[.d][e[+-]d] with at most 15 digits. */
static bool read_decimal(const char *text, double *value) {
  uint64_t mantissa = 0;
  int n_digits = 0, n_fraction = 0, exponent = 0;
  bool point = false;
  if (text[0] == '0' && is_digit(text[1])) return false;
  for (;; text++) {
    if (*text == '.' && !point && n_digits > 0) {
      point = true;
      continue;
    }
    if (!is_digit(*text)) break;
    if (n_digits++ == 15) return false;
    mantissa = mantissa * 10 + (uint64_t)(*text - '0');
    n_fraction += point;
  }
  if (n_digits == 0 || (point && n_fraction == 0)) return false;
  if (*text == 'e' || *text == 'E') {
    if (!read_exponent(text + 1, &exponent)) return false;
  } else if (*text != '\0') {
    return false;
  }
  return scale_by_ten(mantissa, exponent - n_fraction, value);
}

bool fmi_text_to_double(const char *text, double *value) {
  bool negative = *text == '-';
  double magnitude = 0;
  if (negative) text++;
  bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (!(hexadecimal ? read_hexadecimal(text + 2, &magnitude) : read_decimal(text, &magnitude))) return false;
  *value = negative ? -magnitude : magnitude;
  return true;
}
