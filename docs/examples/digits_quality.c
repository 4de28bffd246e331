/* digits_quality.c - are drawn digits as good as real ones, and not copies?
 *
 *   digits_quality split IMAGES.npy LABELS.npy DIR
 *     shuffles the digits and writes 80 % as DIR/train_images.npy and train_labels.npy, 20 % as test_...
 *   digits_quality measure MODEL DIR [--check]
 *     draws 1000 digits from a model trained on the 80 %, 100 of each class by 20 Euler steps, and prints
 *       - how many of them a 3-nearest-neighbours classifier takes for the class that was asked for,
 *       - their energy distance to the 20 % (Szekely & Rizzo 2013; Euclidean, pixels 0 .. 16), over that of
 *         the real 80 %,
 *       - how near they are to the nearest training row, over how near the 20 % are: far below 1 means
 *         that the model copies.
 *     With --check the exit code is 1 unless they pass the limits below.
 */
#include "flowmatch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIXELS 64
#define CLASSES 10
#define SAMPLES 1000
#define EULER_STEPS 20
#define NPY_HEADER 128 /* bytes, of files like ours: version 1.0, padded to a multiple of 64 */

#define LEAST_RECOGNISED .97
#define MOST_ENERGY_RATIO 2.
#define LEAST_DISTANCE_RATIO .8

typedef struct digits {
  int n;
  float *pixels; /* [n][PIXELS] */
  int32_t *labels;
} digits;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "digits_quality: %s: %s\n", what, why);
  exit(1);
}

static void *allocate(size_t count, size_t size) {
  void *block = calloc(count, size);
  if (!block) fail("memory", "there is not enough");
  return block;
}

static digits allocate_digits(int n) {
  return (digits){n, allocate((size_t)n * PIXELS, sizeof(float)), allocate((size_t)n, sizeof(int32_t))};
}

static void free_digits(digits *d) {
  free(d->pixels);
  free(d->labels);
}

/* ---- files: NumPy arrays of bytes ------------------------------------------------------------------ */

/* Reads the bytes after the header into a block to be freed. */
static unsigned char *read_bytes(const char *file, long *n) {
  FILE *in = fopen(file, "rb");
  if (!in) fail(file, "can't be opened");
  unsigned char *bytes = allocate(1 << 20, 1);
  *n = (long)fread(bytes, 1, 1 << 20, in) - NPY_HEADER;
  fclose(in);
  if (*n <= 0 || memcmp(bytes, "\x93NUMPY\x01", 7) != 0 || !strstr((char *)bytes + 10, "'|u1'") ||
      bytes[8] + 256 * bytes[9] + 10 != NPY_HEADER)
    fail(file, "not a plain .npy file of bytes");
  memmove(bytes, bytes + NPY_HEADER, (size_t)*n);
  return bytes;
}

static digits read_digits(const char *image_file, const char *label_file) {
  long n_bytes, n_labels;
  unsigned char *pixels = read_bytes(image_file, &n_bytes), *labels = read_bytes(label_file, &n_labels);
  if (n_bytes != n_labels * PIXELS) fail(label_file, "it doesn't have a label for each image");
  digits d = allocate_digits((int)n_labels);
  for (long i = 0; i < n_bytes; i++) d.pixels[i] = pixels[i];
  for (long i = 0; i < n_labels; i++) d.labels[i] = labels[i];
  free(pixels);
  free(labels);
  return d;
}

static void write_bytes(const char *dir, const char *name, const char *shape, const unsigned char *bytes,
                        size_t n) {
  char path[4096], header[NPY_HEADER + 1];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  snprintf(header, sizeof header, "%-117s\n", shape); /* after the ten bytes of magic, version and length */
  FILE *out = fopen(path, "wb");
  if (!out) fail(path, "can't be written");
  int bad = fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, out) != 10 || fwrite(header, 1, 118, out) != 118 ||
            fwrite(bytes, 1, n, out) != n;
  if (fclose(out) != 0 || bad) fail(path, "can't be written");
}

static void write_digits(const digits *d, const int *order, int n, const char *dir, const char *part) {
  char name[64], shape[96];
  const char *format = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,%s), }";
  unsigned char *bytes = allocate((size_t)n, PIXELS);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < PIXELS; j++) bytes[i * PIXELS + j] = (unsigned char)d->pixels[order[i] * PIXELS + j];
  snprintf(name, sizeof name, "%s_images.npy", part);
  snprintf(shape, sizeof shape, format, n, " 8, 8");
  write_bytes(dir, name, shape, bytes, (size_t)n * PIXELS);
  for (int i = 0; i < n; i++) bytes[i] = (unsigned char)d->labels[order[i]];
  snprintf(name, sizeof name, "%s_labels.npy", part);
  snprintf(shape, sizeof shape, format, n, "");
  write_bytes(dir, name, shape, bytes, (size_t)n);
  free(bytes);
}

/* The same shuffle on every machine: Fisher and Yates with Knuth's 64-bit linear congruence. */
static void shuffle(int *order, int n) {
  uint64_t state = 1;
  for (int i = 0; i < n; i++) order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    int j = (int)((state >> 33) % (uint64_t)(i + 1)), swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
}

static int split(const char *image_file, const char *label_file, const char *dir) {
  digits d = read_digits(image_file, label_file);
  int *order = allocate((size_t)d.n, sizeof *order), n_train = d.n * 4 / 5;
  shuffle(order, d.n);
  write_digits(&d, order, n_train, dir, "train");
  write_digits(&d, order + n_train, d.n - n_train, dir, "test");
  printf("split %d digits: %d to train on, %d to measure with\n", d.n, n_train, d.n - n_train);
  free(order);
  free_digits(&d);
  return 0;
}

/* ---- measures -------------------------------------------------------------------------------------- */

static double distance(const float *a, const float *b) {
  double sum = 0;
  for (int i = 0; i < PIXELS; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  return sqrt(sum);
}

static double mean_distance(const digits *a, const digits *b) {
  double sum = 0;
  for (int i = 0; i < a->n; i++)
    for (int j = 0; j < b->n; j++) sum += distance(a->pixels + i * PIXELS, b->pixels + j * PIXELS);
  return sum / a->n / b->n;
}

static double energy_distance(const digits *a, const digits *b) {
  return 2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b);
}

/* The classes of the three nearest rows; *nearest is the distance of the first. */
static void three_nearest(const digits *rows, const float *x, int classes[3], double *nearest) {
  double best[3] = {HUGE_VAL, HUGE_VAL, HUGE_VAL};
  for (int i = 0; i < rows->n; i++) {
    double d = distance(rows->pixels + i * PIXELS, x);
    int at = 3;
    while (at > 0 && d < best[at - 1]) at--;
    if (at == 3) continue;
    for (int k = 2; k > at; k--) {
      best[k] = best[k - 1];
      classes[k] = classes[k - 1];
    }
    best[at] = d;
    classes[at] = rows->labels[i];
  }
  *nearest = best[0];
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The share of d's rows whose label the majority of their three nearest training rows has (the nearest one
   decides a tie), and the median distance to the nearest. */
static void compare(const digits *d, const digits *train, double *recognised, double *median) {
  double *nearest = allocate((size_t)d->n, sizeof *nearest);
  int n_right = 0, c[3] = {-1, -1, -1};
  for (int i = 0; i < d->n; i++) {
    three_nearest(train, d->pixels + i * PIXELS, c, &nearest[i]);
    n_right += (c[1] == c[2] ? c[1] : c[0]) == d->labels[i];
  }
  qsort(nearest, (size_t)d->n, sizeof *nearest, by_size);
  *recognised = (double)n_right / d->n;
  *median = nearest[d->n / 2];
  free(nearest);
}

static digits draw(const char *model_file) {
  digits d = allocate_digits(SAMPLES);
  fm_ctx *ctx = NULL;
  fm_model *model = NULL;
  if (fm_ctx_create(NULL, &ctx) != FM_OK) fail("flowmatch", "no context");
  for (int i = 0; i < SAMPLES; i++) d.labels[i] = i * CLASSES / SAMPLES;
  fm_status status = fm_model_load(ctx, model_file, &model);
  const fm_net *net = status == FM_OK ? fm_model_net(model) : NULL;
  if (net &&
      (fm_net_dim(net) != PIXELS || fm_net_n_class_columns(net) != 1 || fm_net_n_classes(net, 0) != CLASSES))
    fail(model_file, "not a model of the digits with their labels");
  fm_sampler *sampler = NULL;
  fm_solver_options solver;
  fm_solver_options_init(&solver);
  solver.method = FM_SOLVER_EULER;
  solver.n_steps = EULER_STEPS;
  if (status == FM_OK) status = fm_sampler_create(ctx, model, &solver, NULL, &sampler);
  if (status == FM_OK) status = fm_sampler_draw(ctx, sampler, 0, 0, d.labels, NULL, SAMPLES, d.pixels);
  if (status != FM_OK) fail(model_file, fm_ctx_message(ctx));
  fm_sampler_destroy(sampler);
  fm_model_destroy(model);
  fm_ctx_destroy(ctx);
  return d;
}

static digits read_part(const char *dir, const char *part) {
  char images[4096], labels[4096];
  snprintf(images, sizeof images, "%s/%s_images.npy", dir, part);
  snprintf(labels, sizeof labels, "%s/%s_labels.npy", dir, part);
  return read_digits(images, labels);
}

static int measure(const char *model_file, const char *dir, int check) {
  digits train = read_part(dir, "train"), test = read_part(dir, "test"), drawn = draw(model_file);
  double recognised, real_recognised, median, real_median;
  compare(&drawn, &train, &recognised, &median);
  compare(&test, &train, &real_recognised, &real_median);
  double energy = energy_distance(&drawn, &test), real_energy = energy_distance(&train, &test);
  double energy_ratio = energy / real_energy, distance_ratio = median / real_median;
  printf("quality   %.1f %% recognised as their class (real digits: %.1f %%); energy distance %.2f times "
         "real digits' (%.3f, %.3f); nearest training digit at %.2f of a real one's distance\n",
         100 * recognised, 100 * real_recognised, energy_ratio, energy, real_energy, distance_ratio);
  free_digits(&train);
  free_digits(&test);
  free_digits(&drawn);
  int good = recognised >= LEAST_RECOGNISED && energy_ratio <= MOST_ENERGY_RATIO &&
             distance_ratio >= LEAST_DISTANCE_RATIO;
  if (check && !good)
    fprintf(stderr, "digits_quality: the limits are %.0f %%, %.1f times and %.1f\n", 100 * LEAST_RECOGNISED,
            MOST_ENERGY_RATIO, LEAST_DISTANCE_RATIO);
  return check && !good;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "split") == 0) return split(argv[2], argv[3], argv[4]);
  if (argc >= 4 && strcmp(argv[1], "measure") == 0) {
    int check = argc == 5 && strcmp(argv[4], "--check") == 0;
    if (argc == 4 || check) return measure(argv[2], argv[3], check);
  }
  fputs("usage: digits_quality split IMAGES.npy LABELS.npy DIR\n"
        "       digits_quality measure MODEL DIR [--check]\n",
        stderr);
  return 2;
}
