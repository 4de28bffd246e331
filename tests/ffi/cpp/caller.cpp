// caller.cpp - a program in C++17 that embeds the library: learns the points of a ring, saves and loads the
// model, draws from two threads that share it, cancels a training from a lambda, and reads the text of an
// error.
//
//   c++ -std=c++17 caller.cpp -o caller $(pkg-config --cflags --libs libflowmatch) -pthread
//   ./caller ring.safetensors
#include <flowmatch.hpp>

#include <cmath>
#include <iostream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

static constexpr size_t n = 512, dim = 2; // rows, columns

static void expect(bool holds, const char *what) {
  if (!holds) throw std::runtime_error(std::string("expected: ") + what);
}

// A ring of radius 1 around (10, 0).
static std::vector<float> make_ring() {
  std::vector<float> rows;
  for (size_t i = 0; i < n; i++) {
    rows.push_back(10 + std::cos(static_cast<float>(i)));
    rows.push_back(std::sin(static_cast<float>(i)));
  }
  return rows;
}

static bool is_ring(const std::vector<float> &rows) {
  double centre = 0, radius = 0;
  for (size_t i = 0; i < n; i++) {
    const double x = static_cast<double>(rows[dim * i]), y = static_cast<double>(rows[dim * i + 1]);
    centre += x / n;
    radius += std::hypot(x - 10, y) / n;
  }
  std::cout << "centre " << centre << ", radius " << radius << "\n";
  return centre > 9.8 && centre < 10.2 && radius > 0.8 && radius < 1.2;
}

// Handles clean up after themselves, in any order; a trainer keeps alive what it was made from.
static fm::trainer make_trainer(fm_ctx *ctx, const fm_data *data, const fm_trainer_options &options) {
  auto steps = fm::init<fm_optimizer_options>(); // struct_size set, all else zero: the defaults
  steps.n_steps = 400;
  auto shape = fm::init<fm_net_options>();
  shape.width = 32;
  shape.depth = 2;
  // What flowmatch.hpp has no member for is made by the function of the C header.
  auto normaliser =
      fm::make<fm::normaliser>(ctx, fm_normaliser_fit_data, FM_NORMALISE_COLUMNS, data, FM_DATA_X1);
  return fm::trainer::create(ctx, fm::net::create(ctx, dim, {}, 0, &shape), nullptr, nullptr, normaliser,
                             nullptr, fm::optimizer::create(ctx, &steps), {}, &options);
}

static fm::model train(fm_ctx *ctx, const fm_data *data) {
  auto options = fm::init<fm_trainer_options>();
  options.seed = 1;
  fm::trainer trainer = make_trainer(ctx, data, options);
  trainer.run(ctx, data);
  return trainer.model(ctx);
}

// The model is immutable and shared. A context belongs to one thread at a time, so each thread makes its own.
static std::vector<float> draw_by_two(const fm::model &model) {
  std::vector<float> out(n * dim);
  std::exception_ptr thrown[2];
  const auto half = [&](size_t i) {
    try {
      fm::ctx ctx = fm::ctx::create();
      fm::sample(ctx, model, 42, i * n / 2, {}, {},
                 fm::view<float>(out.data() + i * n / 2 * dim, n / 2 * dim));
    } catch (...) {
      thrown[i] = std::current_exception();
    }
  };
  std::thread first(half, 0), second(half, 1);
  first.join();
  second.join();
  for (auto &e : thrown)
    if (e) std::rethrow_exception(e);
  return out;
}

struct enough {}; // an exception of the program's own

// A callback ends a call by what it returns, or by an exception, which passes the library unharmed.
static void cancel(fm_ctx *ctx, const fm_data *data) {
  fm::callback at_20([](const fm_progress *p) { return p->step == 20 ? 1 : 0; }); // must outlive the trainer
  auto options = fm::init<fm_trainer_options>();
  options.progress = at_20;
  options.progress_user = &at_20;
  fm::trainer trainer = make_trainer(ctx, data, options);
  try {
    trainer.run(ctx, data);
    expect(false, "an end by the callback");
  } catch (const fm::error &e) {
    std::cout << "cancelled: " << e.what() << "\n";
    expect(e.status() == FM_E_CALLBACK && trainer.steps() == 20, "an end after 20 steps");
  }

  fm::callback throws([](const fm_progress *) { throw enough(); });
  options.progress = throws;
  options.progress_user = &throws;
  try {
    make_trainer(ctx, data, options).run(ctx, data);
    expect(false, "an exception from the callback");
  } catch (const enough &) {
    std::cout << "cancelled by an exception\n";
  }
}

static void run(const char *file) {
  fm::ctx ctx = fm::ctx::create();
  std::vector<float> rows = make_ring();
  fm::data data = fm::data::create(ctx, rows, dim);
  train(ctx, data).save(ctx, file);
  fm::model model = fm::model::load(ctx, file);

  std::vector<float> by_one(n * dim);
  fm::sample(ctx, model, 42, 0, {}, {}, by_one);
  expect(is_ring(by_one), "a ring");
  expect(draw_by_two(model) == by_one, "the same bits from two threads");
  cancel(ctx, data);

  rows[3] = std::numeric_limits<float>::quiet_NaN();
  try {
    fm::data::create(ctx, rows, dim);
    expect(false, "an error");
  } catch (const fm::error &e) {
    std::cout << "refused: " << e.what() << "\n";
    expect(e.status() == FM_E_NONFINITE, "FM_E_NONFINITE");
    expect(std::string(e.what()).find("row 1, column 1") != std::string::npos, "a text that names the cell");
  }
}

int main(int argc, char **argv) {
  try {
    run(argc > 1 ? argv[1] : "ring.safetensors");
    return 0;
  } catch (const std::exception &e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
