/* The smallest use that needs the whole library: learn, draw, and say the version. */
#include <flowmatch.h>
#include <stdio.h>

int main(void) {
  static float rows[256][2], drawn[16][2];
  for (int i = 0; i < 256; i++) {
    rows[i][0] = (float)(i % 16);
    rows[i][1] = (float)(i / 16);
  }
  fm_ctx *ctx;
  fm_data *data = NULL;
  fm_model *model = NULL;
  if (fm_ctx_create(NULL, &ctx) != FM_OK) return 1;
  fm_net_options net;
  fm_optimizer_options rule;
  fm_optimizer *optimizer = NULL;
  fm_net_options_init(&net);
  fm_optimizer_options_init(&rule);
  net.width = 16;
  rule.n_steps = 20;
  fm_status status = fm_data_create(ctx, rows[0], NULL, NULL, NULL, NULL, 256, 2, 0, 0, NULL, &data);
  if (status == FM_OK) status = fm_optimizer_create(ctx, &rule, &optimizer);
  if (status == FM_OK) status = fm_fit(ctx, data, NULL, NULL, optimizer, &net, NULL, &model);
  if (status == FM_OK) status = fm_sample(ctx, model, 1, 0, NULL, NULL, 16, drawn[0]);
  if (status != FM_OK) fprintf(stderr, "%s: %s\n", fm_status_name(status), fm_ctx_message(ctx));
  if (status == FM_OK) printf("flowmatch %s drew %g\n", fm_version_string(), (double)drawn[0][0]);
  fm_model_destroy(model);
  fm_optimizer_destroy(optimizer);
  fm_data_destroy(data);
  fm_ctx_destroy(ctx);
  return status != FM_OK;
}
