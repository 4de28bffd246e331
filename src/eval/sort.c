/* sort.c - merge sort from short runs by insertion. The standard library's belongs to a header that only
   memory.c includes, may allocate, and calls back for every comparison. */
#include "eval/eval.h"

#define RUN 16u

static void insert(double *x, size_t n) {
  for (size_t i = 1; i < n; i++) {
    const double value = x[i];
    size_t j = i;
    for (; j > 0 && x[j - 1] > value; j--) x[j] = x[j - 1];
    x[j] = value;
  }
}

static void merge(const double *a, size_t n_a, const double *b, size_t n_b, double *out) {
  size_t i = 0, j = 0;
  while (i < n_a && j < n_b) {
    const bool second = b[j] < a[i];
    *out++ = second ? b[j] : a[i];
    j += second;
    i += !second;
  }
  memcpy(out, a + i, (n_a - i) * sizeof *out);
  memcpy(out + (n_a - i), b + j, (n_b - j) * sizeof *out);
}

void fmi_sort(double *x, size_t n, double *scratch) {
  for (size_t i = 0; i < n; i += RUN) insert(x + i, fmi_min(RUN, n - i));
  double *from = x, *to = scratch;
  for (size_t width = RUN; width < n; width *= 2) {
    for (size_t i = 0; i < n; i += 2 * width) {
      const size_t middle = fmi_min(i + width, n), end = fmi_min(i + 2 * width, n);
      merge(from + i, middle - i, from + middle, end - middle, to + i);
    }
    double *swapped = from;
    from = to;
    to = swapped;
  }
  if (from != x) memcpy(x, from, n * sizeof *x);
}
