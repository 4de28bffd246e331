/* A program that embeds the library, in C and in C++: trains on points of a ring, draws, reads an error. */
#include <flowmatch.h>

#include <math.h>
#include <stdio.h>

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    if ((call) != FM_OK) {                                                                                   \
      fprintf(stderr, "%s: %s\n", #call, fm_ctx_message(ctx));                                               \
      return 1;                                                                                              \
    }                                                                                                        \
  } while (0)

int main(void) {
  static float rows[2 * 256], samples[2 * 256];
  for (int i = 0; i < 256; i++) {
    rows[2 * i] = 10 + cosf((float)i);
    rows[2 * i + 1] = sinf((float)i);
  }
  fm_ctx *ctx = NULL;
  fm_data *data = NULL;
  fm_optimizer *optimizer = NULL;
  fm_model *model = NULL;
  if (fm_ctx_create(NULL, &ctx) != FM_OK) return 1;
  fm_net_options net;
  fm_net_options_init(&net);
  net.width = 32;
  net.depth = 2;
  fm_optimizer_options steps;
  fm_optimizer_options_init(&steps);
  steps.n_steps = 100;
  CHECK(fm_data_create(ctx, rows, NULL, NULL, NULL, NULL, 256, 2, 0, 0, NULL, &data));
  CHECK(fm_optimizer_create(ctx, &steps, &optimizer));
  CHECK(fm_fit(ctx, data, NULL, NULL, optimizer, &net, NULL, &model));
  CHECK(fm_sample(ctx, model, 1, 0, NULL, NULL, 256, samples));
  double mean = 0;
  for (int i = 0; i < 256; i++) mean += (double)samples[2 * i] / 256;
  if (!(mean > 9 && mean < 11)) return 2;

  rows[3] = NAN;
  fm_data *bad = NULL;
  fm_status status = fm_data_create(ctx, rows, NULL, NULL, NULL, NULL, 256, 2, 0, 0, NULL, &bad);
  if (status != FM_E_NONFINITE || bad != NULL) return 3;
  printf("mean %.2f; %s: %s\n", mean, fm_status_name(status), fm_ctx_message(ctx));
  fm_model_destroy(model);
  fm_optimizer_destroy(optimizer);
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
  return 0;
}
