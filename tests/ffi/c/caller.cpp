// The same program in C++: the header is written in C, handles may be owned by smart pointers.
#include <flowmatch.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <vector>

template <class T> using owned = std::unique_ptr<T, void (*)(T *)>;

int main() {
  fm_ctx *made = nullptr;
  if (fm_ctx_create(nullptr, &made) != FM_OK) return 1;
  owned<fm_ctx> ctx(made, fm_ctx_destroy);

  std::vector<double> rows;
  for (int i = 0; i < 256; i++) rows.insert(rows.end(), {10 + std::cos(i), std::sin(i)});
  fm_data *data_made = nullptr;
  fm_data_create_f64(ctx.get(), rows.data(), nullptr, nullptr, nullptr, nullptr, 256, 2, 0, 0, nullptr, &data_made);
  owned<fm_data> data(data_made, fm_data_destroy);

  fm_net_options net;
  fm_net_options_init(&net);
  net.width = 32;
  net.depth = 2;
  fm_optimizer_options steps;
  fm_optimizer_options_init(&steps);
  steps.n_steps = 100;
  fm_optimizer *optimizer_made = nullptr;
  fm_optimizer_create(ctx.get(), &steps, &optimizer_made);
  owned<fm_optimizer> optimizer(optimizer_made, fm_optimizer_destroy);

  fm_model *model_made = nullptr;
  fm_status status = fm_fit(ctx.get(), data.get(), nullptr, nullptr, optimizer.get(), &net, nullptr, &model_made);
  owned<fm_model> model(model_made, fm_model_destroy);
  std::vector<float> samples(2 * 256);
  if (status == FM_OK) status = fm_sample(ctx.get(), model.get(), 1, 0, nullptr, nullptr, 256, samples.data());
  if (status != FM_OK) return std::printf("%s\n", fm_ctx_message(ctx.get())), 1;
  double mean = 0;
  for (size_t i = 0; i < samples.size(); i += 2) mean += static_cast<double>(samples[i]) / 256;
  if (!(mean > 9 && mean < 11)) return 2;

  rows[3] = std::numeric_limits<double>::quiet_NaN();
  fm_data *bad = nullptr;
  status = fm_data_create_f64(ctx.get(), rows.data(), nullptr, nullptr, nullptr, nullptr, 256, 2, 0, 0, nullptr, &bad);
  std::printf("mean %.2f; %s: %s\n", mean, fm_status_name(status), fm_ctx_message(ctx.get()));
  return status == FM_E_NONFINITE ? 0 : 3;
}
