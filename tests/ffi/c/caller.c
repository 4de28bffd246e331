/* caller.c - a program in C that embeds the library: learns the points of a ring, saves and loads the model,
   draws from two threads that share it, cancels a training from a callback, and reads the text of an error.

     cc caller.c -o caller $(pkg-config --cflags --libs libflowmatch) -lm -pthread
     ./caller ring.safetensors */
#include <flowmatch.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { N = 512, DIM = 2 }; /* rows, columns */

/* Says what failed. The text is the context's, so it is read before the next call on it. */
static int failed(fm_status status, const fm_ctx *ctx, const char *what) {
  if (status == FM_OK) return 0;
  fprintf(stderr, "%s: %s: %s\n", what, fm_status_name(status), fm_ctx_message(ctx));
  return 1;
}

static int expected(int holds, const char *what) {
  if (!holds) fprintf(stderr, "expected: %s\n", what);
  return holds;
}

/* ---- training ------------------------------------------------------------------------------------------ */

/* A ring of radius 1 around (10, 0). */
static void make_ring(float *rows) {
  for (int i = 0; i < N; i++) {
    rows[DIM * i] = 10 + cosf((float)i);
    rows[DIM * i + 1] = sinf((float)i);
  }
}

/* Called after every step, from the thread that trains. Returns 0 to go on. */
static int32_t stop_after(void *user, const fm_progress *progress) {
  const uint64_t *last_step = user;
  return progress->step >= *last_step;
}

/* One call for everything. last_step 0: to the end. On FM_E_CALLBACK *out is the model so far. */
static fm_status train(fm_ctx *ctx, const fm_data *data, uint64_t last_step, fm_model **out) {
  fm_net_options net;
  fm_net_options_init(&net); /* sets struct_size; zero is the default in every field */
  net.width = 32;
  net.depth = 2;

  fm_trainer_options training;
  fm_trainer_options_init(&training);
  training.seed = 1;
  training.progress = last_step > 0 ? stop_after : NULL;
  training.progress_user = last_step > 0 ? &last_step : NULL;

  fm_optimizer_options steps;
  fm_optimizer_options_init(&steps);
  steps.n_steps = 400;
  fm_optimizer *optimizer = NULL;
  fm_status status = fm_optimizer_create(ctx, &steps, &optimizer);
  if (status == FM_OK) status = fm_fit(ctx, data, NULL, NULL, optimizer, &net, &training, out);
  fm_optimizer_destroy(optimizer); /* the model needs it no longer; handles may be destroyed in any order */
  return status;
}

/* Whether the rows look like the ring: their centre, and how far from it they are. */
static int is_ring(const float *rows) {
  double centre = 0, radius = 0;
  for (int i = 0; i < N; i++) {
    centre += (double)rows[DIM * i] / N;
    radius += sqrt(pow((double)rows[DIM * i] - 10, 2) + pow((double)rows[DIM * i + 1], 2)) / N;
  }
  printf("centre %.2f, radius %.2f\n", centre, radius);
  return centre > 9.8 && centre < 10.2 && radius > 0.8 && radius < 1.2;
}

/* ---- drawing from several threads ---------------------------------------------------------------------- */

typedef struct {
  const fm_model *model; /* immutable: any number of threads may use it at once */
  uint64_t first_row;
  size_t n;
  float *out;
  fm_status status;
} part;

/* A context belongs to one thread at a time, so each thread makes its own. */
static void *draw_part(void *argument) {
  part *p = argument;
  fm_ctx *ctx = NULL;
  p->status = fm_ctx_create(NULL, &ctx);
  if (p->status == FM_OK) p->status = fm_sample(ctx, p->model, 42, p->first_row, NULL, NULL, p->n, p->out);
  (void)failed(p->status, ctx, "fm_sample in a thread");
  fm_ctx_destroy(ctx);
  return NULL;
}

/* Rows of the endless table that the seed names: the same bits whoever draws them. */
static int draw_by_two(const fm_model *model, float *out) {
  part parts[2] = {{model, 0, N / 2, out, FM_OK}, {model, N / 2, N / 2, out + DIM * N / 2, FM_OK}};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, draw_part, &parts[i]) != 0) return 0;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return parts[0].status == FM_OK && parts[1].status == FM_OK;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static int run(fm_ctx *ctx, fm_data *data, float *rows, const char *file) {
  static float by_one[N * DIM], by_two[N * DIM];
  fm_model *trained = NULL, *model = NULL, *so_far = NULL;
  int ok = 0;

  if (failed(train(ctx, data, 0, &trained), ctx, "train")) goto end;
  if (failed(fm_model_save(ctx, trained, file), ctx, "fm_model_save")) goto end;
  if (failed(fm_model_load(ctx, file, &model), ctx, "fm_model_load")) goto end;

  if (failed(fm_sample(ctx, model, 42, 0, NULL, NULL, N, by_one), ctx, "fm_sample")) goto end;
  if (!expected(is_ring(by_one), "a ring")) goto end;
  if (!expected(draw_by_two(model, by_two), "two threads draw")) goto end;
  if (!expected(memcmp(by_one, by_two, sizeof by_one) == 0, "the same bits from two threads")) goto end;

  fm_status status = train(ctx, data, 20, &so_far);
  printf("cancelled: %s: %s\n", fm_status_name(status), fm_ctx_message(ctx));
  if (!expected(status == FM_E_CALLBACK && fm_model_train_steps(so_far) == 20, "an end after 20 steps"))
    goto end;

  rows[3] = NAN;
  fm_data *bad = NULL;
  status = fm_data_create(ctx, rows, NULL, NULL, NULL, NULL, N, DIM, 0, 0, NULL, &bad);
  printf("refused: %s: %s\n", fm_status_name(status), fm_ctx_message(ctx));
  if (!expected(status == FM_E_NONFINITE && bad == NULL, "FM_E_NONFINITE")) goto end;
  ok = expected(strstr(fm_ctx_message(ctx), "row 1, column 1") != NULL, "a text that names the cell");
end:
  fm_model_destroy(so_far); /* destroying NULL does nothing */
  fm_model_destroy(model);
  fm_model_destroy(trained);
  return ok;
}

int main(int argc, char **argv) {
  static float rows[N * DIM];
  fm_ctx *ctx = NULL;
  fm_data *data = NULL;
  make_ring(rows);
  if (fm_ctx_create(NULL, &ctx) != FM_OK) return 1;
  fm_status status = fm_data_create(ctx, rows, NULL, NULL, NULL, NULL, N, DIM, 0, 0, NULL, &data);
  int ok =
      !failed(status, ctx, "fm_data_create") && run(ctx, data, rows, argc > 1 ? argv[1] : "ring.safetensors");
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
  return !ok;
}
