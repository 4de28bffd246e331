// hpp_test.cpp - flowmatch.hpp behaves as it says, with exceptions and with results: built once each way.
#include <flowmatch.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

static int passed, failed;

static void check(bool holds, const char *what, int line) {
  ++(holds ? passed : failed);
  if (!holds) std::printf("FAILED: line %d: %s\n", line, what);
}
#define CHECK(condition) check(condition, #condition, __LINE__)

// take: the value of a call that must not fail. status_of, text_of: what a call that must fail says.
#ifdef FLOWMATCH_NO_EXCEPTIONS
template <class T> static T take(fm::result<T> r) {
  if (!r) std::printf("FAILED: %s\n", r.error().what()), std::exit(1);
  return *std::move(r);
}
template <class F> static fm::error error_of(F f) {
  auto r = f();
  return r ? fm::error(FM_OK, "no error") : r.error();
}
#else
template <class T> static T take(T value) { return value; }
template <class F> static fm::error error_of(F f) {
  try {
    (void)f();
    return fm::error(FM_OK, "no error");
  } catch (const fm::error &e) {
    return e;
  }
}
#endif
static bool says(const fm::error &e, fm_status status, const char *text) {
  if (e.status() == status && std::string(e.what()).find(text) != std::string::npos) return true;
  std::printf("%s: %s\n", fm_status_name(e.status()), e.what());
  return false;
}

static_assert(!std::is_copy_constructible_v<fm::model> && std::is_nothrow_move_constructible_v<fm::model>);
static_assert(sizeof(fm::model) == sizeof(fm_model *));
static_assert(std::is_convertible_v<std::vector<float> &, fm::floats>);
static_assert(!std::is_convertible_v<std::vector<double> &, fm::floats>);
static_assert(!std::is_convertible_v<const std::vector<float> &, fm::view<float>>);

static std::vector<float> ring(size_t n) {
  std::vector<float> rows;
  for (size_t i = 0; i < n; i++) {
    rows.push_back(10 + std::cos(static_cast<float>(i)));
    rows.push_back(std::sin(static_cast<float>(i)));
  }
  return rows;
}

static fm::net small_net(fm_ctx *ctx, fm::view<const uint32_t> classes = {}, size_t cond_dim = 0) {
  auto options = fm::init<fm_net_options>();
  options.width = 16, options.depth = 1;
  return take(fm::net::create(ctx, 2, classes, cond_dim, &options));
}

static void test_handles(fm::ctx &ctx) {
  fm::net a = small_net(ctx);
  fm_net *raw = a.get();
  fm::net b = std::move(a);
  CHECK(a == nullptr && b == raw);
  a = std::move(b);
  CHECK(a == raw && b == nullptr);
  CHECK(fm_net_dim(a) == 2 && a.dim() == 2); // every C function takes a handle
  fm::net owner(a.release());
  CHECK(a == nullptr && owner == raw);
  fm::trainer trainer = take(fm::trainer::create(ctx, owner));
  owner = fm::net(); // handles retain what they were made from
  CHECK(take(trainer.step(ctx, ring(8))) > 0 && trainer.steps() == 1);
  fm::prior gaussian = take(fm::make<fm::prior>(ctx, fm_prior_create_gaussian));
  CHECK(fm_prior_kind(gaussian) == FM_PRIOR_GAUSSIAN);
  fm::coupling pairs = take(
      fm::make<fm::coupling>(ctx, fm_coupling_create, size_t(2), size_t(1), size_t(0), size_t(0), nullptr));
  const double here[2] = {0, 5}, there[2] = {6, 1};
  uint64_t index[2];
  take(fm::call(ctx, fm_coupling_pair_f64, pairs, here, there, nullptr, nullptr, size_t(2), uint64_t(0),
                uint64_t(0), index, nullptr, nullptr));
  CHECK(index[0] == 1 && index[1] == 0); // 0 goes to 1, 5 to 6
}

static void test_views(fm::ctx &ctx) {
  std::vector<float> rows = ring(4), out(8), again(8);
  float array[8] = {};
  std::array<double, 8> wide{};
  fm::trainer trainer = take(fm::trainer::create(ctx, small_net(ctx)));
  for (int i = 0; i < 100; i++) (void)take(trainer.step(ctx, rows)); // it begins with no flow at all
  fm::model model = take(trainer.model(ctx));
  fm::sampler sampler = take(fm::sampler::create(ctx, model));
  CHECK(take(sampler.draw(ctx, 7, 3, {}, {}, out)) == FM_OK);
  CHECK(take(sampler.draw(ctx, 7, 3, {}, {}, array)) == FM_OK);
  CHECK(take(sampler.draw(ctx, 7, 3, {}, {}, wide)) == FM_OK);
  CHECK(fm_sample(ctx, model, 7, 3, nullptr, nullptr, 4, again.data()) == FM_OK);
  CHECK(out == again && std::equal(out.begin(), out.end(), array));
  for (size_t i = 0; i < 8; i++) CHECK(std::fabs(wide[i] - static_cast<double>(out[i])) < 1e-5);
#if __cplusplus >= 202002L
  CHECK(take(fm::sample(ctx, model, 7, 3, {}, {}, std::span<float>(again))) == FM_OK);
#endif
  // Rows carried to the source and back are the rows.
  std::vector<double> x(rows.begin(), rows.end());
  auto tight = fm::init<fm_solver_options>();
  tight.rtol = tight.atol = 1e-8;
  fm::sampler precise = take(fm::sampler::create(ctx, model, &tight));
  (void)take(precise.transport(ctx, 1, 0, {}, {}, x));
  CHECK(std::fabs(x[0] - static_cast<double>(rows[0])) > 1e-3);
  uint64_t steps = 0;
  (void)take(precise.transport(ctx, 0, 1, {}, {}, x, [&](const fm_trajectory *) { steps++; }));
  CHECK(steps > 1);
  for (size_t i = 0; i < 8; i++) CHECK(std::fabs(x[i] - static_cast<double>(rows[i])) < 1e-4);
}

static void test_refinements(fm::ctx &ctx) {
  const std::vector<float> rows = ring(64);
  fm::trainer trainer = take(fm::trainer::create(ctx, small_net(ctx)));
  for (int i = 0; i < 100; i++) (void)take(trainer.step(ctx, rows));
  fm::model model = take(trainer.model(ctx));
  // Draws with their log-densities, which are those of the rows.
  auto options = fm::init<fm_sampler_options>();
  options.divergence = FM_DIVERGENCE_EXACT;
  auto tight = fm::init<fm_solver_options>();
  tight.rtol = tight.atol = 1e-7;
  fm::sampler sampler = take(fm::sampler::create(ctx, model, &tight, &options));
  std::array<double, 8> x{}, y{};
  std::array<double, 4> drawn{}, found{}, error{};
  (void)take(sampler.draw_log_density(ctx, 7, 3, {}, {}, x, drawn));
  (void)take(sampler.log_density(ctx, 3, {}, {}, x, found, error));
  for (size_t i = 0; i < 4; i++) CHECK(std::fabs(drawn[i] - found[i]) < 1e-4 && error[i] == 0);
  CHECK(says(error_of([&] { return sampler.log_density(ctx, 0, {}, {}, x, error, x); }), FM_E_INVALID,
             "error: expected 4"));
  // A known column is kept.
  fm::sampler guided = take(fm::sampler::create_guided(ctx, model, nullptr, nullptr, nullptr));
  std::array<double, 8> known;
  known.fill(std::nan(""));
  for (size_t i = 0; i < 4; i++) known[2 * i] = 0.25;
  (void)take(guided.draw_guided(ctx, 7, 3, {}, {}, {}, known, {}, y));
  for (size_t i = 0; i < 4; i++) CHECK(std::fabs(y[2 * i] - 0.25) < 1e-6 && std::isfinite(y[2 * i + 1]));
  CHECK(says(error_of([&] { return guided.draw_guided(ctx, 7, 3, {}, {}, drawn, fm::doubles(), rows, y); }),
             FM_E_INVALID, "mask: expected 8"));
  // Evaluated, and made straight.
  CHECK(take(fm::compare(ctx, FM_METRIC_W2, x, x, 2)).value == 0);
  CHECK(says(error_of([&] { return fm::compare(ctx, FM_METRIC_W2, x, x, 3); }), FM_E_INVALID, "rows of 3"));
  auto few = fm::init<fm_optimizer_options>();
  few.n_steps = 3;
  auto stats = fm::init<fm_reflow_stats>();
  auto short_reflow = fm::init<fm_reflow_options>();
  short_reflow.pairs = 64, short_reflow.straightness_rows = 16, short_reflow.straightness_steps = 4;
  fm::optimizer optimizer = take(fm::optimizer::create(ctx, &few));
  fm::model straight =
      take(fm::reflow(ctx, model, nullptr, optimizer, nullptr, &short_reflow, nullptr, &stats));
  CHECK(straight.train_steps() == 103 && stats.n_steps == 3);
}

static void test_sizes(fm::ctx &ctx) {
  const std::vector<float> rows = ring(4), odd(7), cond(3 * 4);
  const std::vector<int32_t> labels(4), few(3);
  const std::array<uint32_t, 1> classes{2};
  CHECK(
      says(error_of([&] { return fm::data::create(ctx, odd, 2); }), FM_E_INVALID, "x1: expected rows of 2"));
  CHECK(says(error_of([&] { return fm::data::create(ctx, rows, 2, {}, few); }), FM_E_INVALID,
             "labels: expected"));
  fm::data data = take(fm::data::create(ctx, rows, 2, {}, labels, cond));
  CHECK(data.n() == 4 && data.dim() == 2);
  CHECK(fm_data_n_class_columns(data) == 1 && fm_data_cond_dim(data) == 3);
  fm::trainer trainer = take(fm::trainer::create(ctx, small_net(ctx, classes, 3)));
  CHECK(take(trainer.step(ctx, rows, {}, labels, cond)) > 0);
  CHECK(says(error_of([&] { return trainer.step(ctx, rows, {}, few, cond); }), FM_E_INVALID,
             "labels: expected 4 entries, found 3"));
  CHECK(says(error_of([&] { return trainer.step(ctx, rows, odd); }), FM_E_INVALID, "x0: expected 8"));
  const auto with_params = [&] {
    return fm::trainer::create(ctx, small_net(ctx), nullptr, nullptr, nullptr, nullptr, nullptr, odd);
  };
  CHECK(says(error_of(with_params), FM_E_INVALID, "params: expected"));
  fm::sampler sampler = take(fm::sampler::create(ctx, take(trainer.model(ctx))));
  std::vector<float> out(8);
  CHECK(says(error_of([&] { return sampler.draw(ctx, 1, 0, labels, odd, out); }), FM_E_INVALID,
             "cond: expected 12"));
  CHECK(take(sampler.draw(ctx, 1, 0, labels, cond, out)) == FM_OK);
}

static void test_errors(fm::ctx &ctx) {
  fm::error e = error_of([&] { return fm::model::load(ctx, "no such file"); });
  CHECK(says(e, FM_E_IO, "no such file") && ctx.message() == std::string(e.what()));
  auto bad = fm::init<fm_ctx_options>();
  bad.n_threads = 1000;
  CHECK(says(error_of([&] { return fm::ctx::create(&bad); }), FM_E_INVALID,
             "FM_E_INVALID")); // no context, no text
  CHECK(says(error_of([&] { return fm::path::create_named(ctx, "crooked"); }), FM_E_UNSUPPORTED, "crooked"));
  // A passed deadline is no error.
  auto hurry = fm::init<fm_sampler_options>();
  hurry.deadline = 1e-9;
  fm::trainer trainer = take(fm::trainer::create(ctx, small_net(ctx)));
  (void)take(trainer.step(ctx, ring(8)));
  fm::sampler sampler = take(fm::sampler::create(ctx, take(trainer.model(ctx)), nullptr, &hurry));
  std::vector<float> out(64);
  CHECK(take(sampler.draw(ctx, 1, 0, {}, {}, out)) == FM_DEADLINE);
}

static void test_stop(fm::ctx &ctx) {
  fm::data data = take(fm::data::create(ctx, ring(64), 2));
  auto net = fm::init<fm_net_options>();
  net.width = 16, net.depth = 1;
  fm::callback progress([&](const fm_progress *p) { return p->step == 3 ? 5 : 0; });
  auto options = fm::init<fm_trainer_options>();
  options.progress = progress, options.progress_user = &progress;
  const auto fit = [&](fm_status *ended) {
    return fm::fit(ctx, data, nullptr, nullptr, nullptr, &net, &options, ended);
  };
  CHECK(says(error_of([&] { return fit(nullptr); }), FM_E_CALLBACK, "progress returned 5"));
  fm_status ended = FM_OK;
  fm::model so_far = take(fit(&ended));
  CHECK(ended == FM_E_CALLBACK && so_far.train_steps() == 3);
  fm::trainer trainer = take(fm::trainer::create(ctx, small_net(ctx)));
  ctx.stop();
  CHECK(says(error_of([&] { return trainer.run(ctx, data, 10); }), FM_STOPPED, "stopped"));
  CHECK(take(trainer.run(ctx, data, 10)) == FM_OK && trainer.steps() == 10);
}

// A linear net, v = params * x: several callbacks with one `user`.
struct linear_net {
  int calls = 0;
  uint64_t throw_in_row = ~uint64_t(0);
  void forward(const fm_net_call *c) {
#ifdef __cpp_exceptions
    if (throw_in_row < c->n) throw 17;
#endif
    for (uint64_t i = 0; i < c->n * c->dim; i++) c->velocity[i] = c->params[0] * c->x[i];
  }
  void vjp(const fm_net_call *c) const {
    for (uint64_t i = 0; i < c->n * c->dim; i++) {
      if (c->d_x) c->d_x[i] = c->params[0] * c->d_velocity[i];
      if (c->d_params) c->d_params[0] += c->x[i] * c->d_velocity[i];
    }
  }
  int32_t init(uint64_t, float *params, size_t n) { return params[0] = 0.5f, calls++, n == 1 ? 0 : -1; }
};

static fm::net custom_net(fm_ctx *ctx, linear_net *net) {
  return take(fm::make<fm::net>(ctx, fm_net_create_custom, size_t(2), nullptr, size_t(0), size_t(0),
                                size_t(1), fm::method<&linear_net::forward>, fm::method<&linear_net::vjp>,
                                fm::method<&linear_net::init>, net));
}

static void test_callbacks(fm::ctx &ctx) {
  // exp(t) by the caller's right-hand side, watched.
  fm::solver solver = take(fm::solver::create(ctx, 1));
  std::vector<double> y{1, 2};
  double last = -1;
  (void)take(solver.solve(
      ctx,
      [](const fm_rhs_call *c) {
        for (uint64_t i = 0; i < c->n; i++) c->dxdt[i] = c->x[i];
      },
      0, 1, y, [&](const fm_trajectory *at) { last = at->t[0]; }));
  CHECK(std::fabs(y[0] - std::exp(1.0)) < 5e-3 && std::fabs(y[1] - 2 * std::exp(1.0)) < 1e-2);
  CHECK(last == 1);
  linear_net mine;
  fm::net net = custom_net(ctx, &mine);
  fm::trainer trainer = take(fm::trainer::create(ctx, net));
  CHECK(mine.calls == 1 && take(trainer.step(ctx, ring(8))) > 0);
}

#ifdef __cpp_exceptions
// Exceptions of the caller's pass the library, whatever the errors of the library are.
static void test_thrown_in_callbacks(fm::ctx &ctx) {
  fm::solver solver = take(fm::solver::create(ctx, 1));
  fm::ctx other = take(fm::ctx::create());
  fm::solver inner = take(fm::solver::create(other, 1));
  std::vector<double> y{1}, z{1};
  const auto still = [](const fm_rhs_call *c) { c->dxdt[0] = 0; };
  const auto throws = [](const fm_rhs_call *) { throw std::out_of_range("mine"); };
  bool caught = false;
  try {
    (void)solver.solve(ctx, throws, 0, 1, y);
  } catch (const std::out_of_range &e) {
    caught = e.what() == std::string("mine");
  }
  CHECK(caught);
  CHECK(take(solver.solve(ctx, still, 0, 1, y)) == FM_OK); // nothing is left behind
  // An exception that ended a call of the C header is not thrown by a later one.
  fm::callback raw(throws);
  CHECK(fm_solver_solve(ctx, solver, raw, &raw, 0, 1, 1, y.data(), nullptr, nullptr, nullptr) ==
        FM_E_CALLBACK);
  CHECK(take(solver.solve(ctx, still, 0, 1, y)) == FM_OK);
  // A call within a callback: what it throws is caught there, and the outer call goes on.
  int inside = 0;
  (void)take(solver.solve(
      ctx,
      [&](const fm_rhs_call *c) {
        try {
          (void)inner.solve(other, throws, 0, 1, z);
        } catch (const std::out_of_range &) {
          inside++;
        }
        c->dxdt[0] = 0;
      },
      0, 1, y));
  CHECK(inside > 0);
  // From the net: the very exception on the calling thread; with a pool at least the call ends.
  linear_net mine;
  fm::net net = custom_net(ctx, &mine);
  fm::trainer trainer = take(fm::trainer::create(ctx, net));
  mine.throw_in_row = 0;
  int thrown = 0;
  try {
    (void)trainer.step(ctx, ring(8));
  } catch (int e) {
    thrown = e;
  }
  CHECK(thrown == 17);
  auto two = fm::init<fm_ctx_options>();
  two.n_threads = 2;
  fm::ctx pooled = take(fm::ctx::create(&two));
  fm::trainer wide = take(fm::trainer::create(pooled, net));
  bool ended = false;
  for (int i = 0; i < 20; i++) {
    try {
      ended = error_of([&] { return wide.step(pooled, ring(256)); }).status() == FM_E_CALLBACK;
    } catch (int e) {
      ended = e == 17;
    }
    CHECK(ended);
  }
}
#endif

int main() {
  fm::ctx ctx = take(fm::ctx::create());
  test_handles(ctx);
  test_views(ctx);
  test_refinements(ctx);
  test_sizes(ctx);
  test_errors(ctx);
  test_stop(ctx);
  test_callbacks(ctx);
#ifdef __cpp_exceptions
  test_thrown_in_callbacks(ctx);
#endif
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
