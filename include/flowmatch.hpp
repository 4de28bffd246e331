/*
 * flowmatch.hpp - flowmatch.h and its siblings in C++17: handles that destroy themselves, views, exceptions
 *                 or results
 * SPDX-License-Identifier: MIT
 *
 * No second API: fm_noun_verb(ctx, noun, ...) is noun.verb(ctx, ...) with the same arguments in the same
 * order, and flowmatch.h says what they mean. What differs:
 *
 * Handles     fm::model owns an fm_model: moved, not copied, destroyed at the end of its scope. It converts
 *             to fm_model *, so every function of the C header takes it.
 * Outputs     A single output is returned; arrays are written to views of the caller's memory.
 * Row arrays  are views: a vector, array, span, or pointer and size; {} is absent; _f64 twins are overloads.
 *             Counts follow from them (n = size / dim), and views that don't fit together are FM_E_INVALID.
 * Errors      are thrown as fm::error, with status and text. With FLOWMATCH_NO_EXCEPTIONS defined, or under
 *             -fno-exceptions, every function returns an fm::result<T> instead. FM_DEADLINE and FM_COARSE are
 *             no errors, but returned.
 * Callbacks   are any callables with the C callback's arguments but `user`. They return int32_t as in C, or
 *             nothing. Those that a handle keeps are held in an fm::callback that outlives it. An exception
 *             in a callback ends the call, which throws it on; one on another thread (nets, priors and paths
 *             under n_threads > 1) can't be carried over, and the call fails with FM_E_CALLBACK.
 * The rest    fm::call(ctx, fm_noun_verb, ...) calls any function of the C header that returns a status, and
 *             fm::make<fm::noun>(ctx, fm_noun_create, ...) any that creates, with these errors and callbacks.
 */
#ifndef FLOWMATCH_HPP
#define FLOWMATCH_HPP

#include "flowmatch_eval.h"
#include "flowmatch_guide.h"
#include "flowmatch_parts.h" // and with it flowmatch.h
#include "flowmatch_reflow.h"

#include <cstddef>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#if !defined(__cpp_exceptions) && !defined(FLOWMATCH_NO_EXCEPTIONS)
#define FLOWMATCH_NO_EXCEPTIONS
#endif

namespace fm {
#ifdef FLOWMATCH_NO_EXCEPTIONS
inline namespace results { // so that files of one program may choose differently
#else
inline namespace exceptions {
#endif

/* ---- Errors ------------------------------------------------------------------------------------------ */

// what() is the text that names the argument, what was expected and what was found.
class error : public std::runtime_error {
public:
  error(fm_status status, const std::string &text)
      : std::runtime_error(text.empty() ? fm_status_name(status) : text), status_(status) {}
  fm_status status() const noexcept { return status_; }

private:
  fm_status status_;
};

// A value, or why there is none: `if (r) use(*r); else show(r.error().what())`.
template <class T> class [[nodiscard]] result {
public:
  result(T value) : holds_(std::in_place_index<0>, std::move(value)) {}
  result(fm::error e) : holds_(std::in_place_index<1>, std::move(e)) {}
  explicit operator bool() const noexcept { return holds_.index() == 0; }
  const fm::error &error() const { return *std::get_if<1>(&holds_); }
  T &operator*() & { return *std::get_if<0>(&holds_); }
  T &&operator*() && { return std::move(*std::get_if<0>(&holds_)); }
  T *operator->() { return std::get_if<0>(&holds_); }

private:
  std::variant<T, fm::error> holds_;
};

/* ---- Views ------------------------------------------------------------------------------------------- */

// A pointer and a count of entries. Made from whatever has data() and size(), std::span too.
template <class T> class view {
public:
  constexpr view() noexcept = default;
  constexpr view(T *data, size_t size) noexcept : data_(data), size_(size) {}
  template <class C,
            class = std::enable_if_t<std::is_convertible_v<decltype(std::data(std::declval<C &>())), T *>>>
  constexpr view(C &&c) noexcept : data_(std::data(c)), size_(std::size(c)) {}
  constexpr T *data() const noexcept { return size_ == 0 ? nullptr : data_; } // NULL is absent
  constexpr size_t size() const noexcept { return size_; }
  constexpr T &operator[](size_t i) const { return data_[i]; }

private:
  T *data_ = nullptr;
  size_t size_ = 0;
};
using floats = view<const float>;
using doubles = view<const double>;
using labels = view<const int32_t>;

// The options or info struct of the C header with its size set and all else zero, the defaults.
template <class T> T init() {
  T s;
  memset(&s, 0, sizeof s);
  s.struct_size = sizeof s;
  return s;
}

/* ---- Callbacks --------------------------------------------------------------------------------------- */

template <class... A> using c_function = int32_t (*)(void *user, A...);

namespace detail {
// What a callback threw on this thread, until the call that it ended throws it on.
inline std::exception_ptr &thrown() {
  static thread_local std::exception_ptr pending;
  return pending;
}

template <class T, class M> T *object_of(M T::*);

template <class F> int32_t answer(F &&f) {
  static_assert(!std::is_same_v<decltype(f()), bool>, "return nothing, or 0 to go on");
  if constexpr (std::is_void_v<decltype(f())>)
    return f(), 0;
  else
    return f();
}

template <class F> int32_t answer_guarded(F &&f) noexcept {
#ifdef __cpp_exceptions
  try {
    return answer(f);
  } catch (...) {
    thrown() = std::current_exception();
    return -1;
  }
#else
  return answer(f);
#endif
}
} // namespace detail

// A callable as the C callback of the type wanted. Its address is the callback's `user`:
//   fm::callback progress([&](const fm_progress *p) { ... });
//   options.progress = progress, options.progress_user = &progress;
template <class F> class callback {
public:
  explicit callback(F f) : f_(static_cast<F &&>(f)) {}
  callback(const callback &) = delete;
  callback &operator=(const callback &) = delete;
  template <class... A> operator c_function<A...>() const noexcept {
    if constexpr (std::is_same_v<std::decay_t<F>, std::nullptr_t>)
      return nullptr;
    else
      return [](void *user, A... args) -> int32_t {
        return detail::answer_guarded([&] { return static_cast<callback *>(user)->f_(args...); });
      };
  }

private:
  F f_;
};

// A member function as a C callback whose `user` is the object, where several share one `user`:
//   fm::make<fm::net>(ctx, fm_net_create_custom, ..., fm::method<&my_net::forward>, ..., &my_net)
template <auto m> struct method_type {
  template <class... A> operator c_function<A...>() const noexcept {
    return [](void *user, A... args) -> int32_t {
      auto *object = static_cast<decltype(detail::object_of(m))>(user);
      return detail::answer_guarded([&] { return (object->*m)(args...); });
    };
  }
};
template <auto m> inline constexpr method_type<m> method{};

/* ---- Calls ------------------------------------------------------------------------------------------- */

// `returns` is what a function gives: T, or result<T>. `with` makes it of a call's status and its output.
#ifdef FLOWMATCH_NO_EXCEPTIONS
template <class T> using returns = result<T>;
inline returns<fm_status> fail(fm_status status, const std::string &text) { return fm::error(status, text); }
template <class T> returns<T> with(const returns<fm_status> &done, T &value) {
  if (!done) return done.error();
  return std::move(value);
}
#else
template <class T> using returns = T;
[[noreturn]] inline fm_status fail(fm_status status, const std::string &text) {
  throw fm::error(status, text);
}
template <class T> T with(fm_status, T &value) { return std::move(value); }
#endif

namespace detail {
// The status of a call; what a callback threw in it is thrown on. Calls may be nested in callbacks.
template <class F> fm_status guarded(F &&f) {
#ifdef __cpp_exceptions
  std::exception_ptr outer = std::exchange(thrown(), nullptr);
  fm_status status = f();
  if (std::exception_ptr mine = std::exchange(thrown(), std::move(outer))) std::rethrow_exception(mine);
  return status;
#else
  return f();
#endif
}

// The number of rows, from one view, and whether the others fit; an absent one does.
struct rows {
  size_t n;
  std::string wrong;
  rows(const char *name, size_t entries, size_t dim) : n(dim == 0 ? 0 : entries / dim) {
    if (n * dim != entries)
      wrong = std::string(name) + ": expected rows of " + std::to_string(dim) + ", found " +
              std::to_string(entries) + " entries";
  }
  rows &fit(const char *name, size_t entries, size_t expected) {
    if (entries != 0 && entries != expected && wrong.empty())
      wrong = std::string(name) + ": expected " + std::to_string(expected) + " entries, found " +
              std::to_string(entries);
    return *this;
  }
};

template <class T> size_t count(const view<T> &v, size_t width) { return width == 0 ? 0 : v.size() / width; }

// What a row consists of.
struct shape {
  size_t dim = 0, columns = 0, cond = 0;
  explicit shape(const fm_net *net = nullptr) {
    if (net != nullptr)
      dim = fm_net_dim(net), columns = fm_net_n_class_columns(net), cond = fm_net_cond_dim(net);
  }
  rows of(const char *name, size_t entries, labels l, floats c) const {
    rows r(name, entries, dim);
    return r.fit("labels", l.size(), r.n * columns).fit("cond", c.size(), r.n * cond);
  }
};
} // namespace detail

// FM_OK, FM_DEADLINE or FM_COARSE; everything else is an error.
template <class... P, class... A>
returns<fm_status> call(fm_ctx *ctx, fm_status (*function)(fm_ctx *, P...), A &&...args) {
  fm_status status = detail::guarded([&] { return function(ctx, std::forward<A>(args)...); });
  if (status == FM_OK || status == FM_DEADLINE || status == FM_COARSE) return status;
  return fail(status, fm_ctx_message(ctx));
}
template <class... P, class... A>
returns<fm_status> call(fm_ctx *ctx, const detail::rows &rows, fm_status (*function)(fm_ctx *, P...),
                        A &&...args) {
  if (!rows.wrong.empty()) return fail(FM_E_INVALID, rows.wrong);
  return call(ctx, function, std::forward<A>(args)...);
}

// A handle from a function whose last argument is its output.
template <class H, class F, class... A> returns<H> make(fm_ctx *ctx, F function, A &&...args) {
  H made;
  return with(call(ctx, function, std::forward<A>(args)..., made.put()), made);
}

/* ---- Handles ----------------------------------------------------------------------------------------- */

template <class T, void (*destroy)(T *)> class handle {
public:
  handle() noexcept = default;
  explicit handle(T *owned) noexcept : p_(owned) {}
  handle(handle &&other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  handle &operator=(handle &&other) noexcept {
    if (this != &other) destroy(std::exchange(p_, std::exchange(other.p_, nullptr)));
    return *this;
  }
  ~handle() { destroy(p_); }
  operator T *() const noexcept { return p_; }
  T *get() const noexcept { return p_; }
  T *release() noexcept { return std::exchange(p_, nullptr); }
  T **put() noexcept { return destroy(std::exchange(p_, nullptr)), &p_; } // for an output argument of C

private:
  T *p_ = nullptr;
};

struct ctx : handle<fm_ctx, fm_ctx_destroy> {
  using handle::handle;
  static returns<ctx> create(const fm_ctx_options *options = nullptr) {
    ctx made;
    fm_status status = fm_ctx_create(options, made.put());
    return with(status == FM_OK ? returns<fm_status>(status) : fail(status, ""), made);
  }
  const char *message() const noexcept { return fm_ctx_message(get()); }
  void stop() const noexcept { fm_ctx_stop(get()); }
};

struct path : handle<fm_path, fm_path_destroy> {
  using handle::handle;
  static returns<path> create(fm_ctx *ctx, uint32_t kind) { return make<path>(ctx, fm_path_create, kind); }
  static returns<path> create_named(fm_ctx *ctx, const char *text) {
    return make<path>(ctx, fm_path_create_named, text);
  }
  const char *name() const noexcept { return fm_path_name(get()); }
};

struct prior : handle<fm_prior, fm_prior_destroy> { using handle::handle; };
struct coupling : handle<fm_coupling, fm_coupling_destroy> { using handle::handle; };
struct normaliser : handle<fm_normaliser, fm_normaliser_destroy> { using handle::handle; };

struct net : handle<fm_net, fm_net_destroy> {
  using handle::handle;
  static returns<net> create(fm_ctx *ctx, size_t dim, view<const uint32_t> n_classes = {},
                             size_t cond_dim = 0, const fm_net_options *options = nullptr) {
    return make<net>(ctx, fm_net_create, dim, n_classes.data(), n_classes.size(), cond_dim, options);
  }
  size_t dim() const noexcept { return fm_net_dim(get()); }
  size_t n_params() const noexcept { return fm_net_n_params(get()); }
};

struct optimizer : handle<fm_optimizer, fm_optimizer_destroy> {
  using handle::handle;
  static returns<optimizer> create(fm_ctx *ctx, const fm_optimizer_options *options = nullptr) {
    return make<optimizer>(ctx, fm_optimizer_create, options);
  }
};

struct data : handle<fm_data, fm_data_destroy> {
  using handle::handle;
  // The number of class columns and the length of condition vectors follow from the sizes of labels and cond.
  static returns<data> create(fm_ctx *ctx, floats x1, size_t dim, floats x0 = {}, labels l = {},
                              floats cond = {}, floats weights = {},
                              const fm_data_options *options = nullptr) {
    return create_(ctx, fm_data_create, x1, dim, x0, l, cond, weights, options);
  }
  static returns<data> create(fm_ctx *ctx, doubles x1, size_t dim, doubles x0 = {}, labels l = {},
                              floats cond = {}, floats weights = {},
                              const fm_data_options *options = nullptr) {
    return create_(ctx, fm_data_create_f64, x1, dim, x0, l, cond, weights, options);
  }
  size_t n() const noexcept { return fm_data_n(get()); }
  size_t dim() const noexcept { return fm_data_dim(get()); }

private:
  template <class F, class T>
  static returns<data> create_(fm_ctx *ctx, F function, view<T> x1, size_t dim, view<T> x0, labels l,
                               floats cond, floats weights, const fm_data_options *options) {
    detail::rows r("x1", x1.size(), dim);
    const size_t columns = detail::count(l, r.n), length = detail::count(cond, r.n);
    r.fit("x0", x0.size(), x1.size()).fit("labels", l.size(), r.n * columns);
    r.fit("cond", cond.size(), r.n * length).fit("weights", weights.size(), r.n);
    data made;
    auto done = call(ctx, r, function, x1.data(), x0.data(), l.data(), cond.data(), weights.data(), r.n, dim,
                     columns, length, options, made.put());
    return with(done, made);
  }
};

struct model : handle<fm_model, fm_model_destroy> {
  using handle::handle;
  static returns<model> load(fm_ctx *ctx, const char *file) { return make<model>(ctx, fm_model_load, file); }
  returns<fm_status> save(fm_ctx *c, const char *file) const { return call(c, fm_model_save, get(), file); }
  const fm_net *net() const noexcept { return fm_model_net(get()); }
  const char *note(const char *key) const noexcept { return fm_model_note(get(), key); }
  uint64_t train_steps() const noexcept { return fm_model_train_steps(get()); }
  returns<double> evaluate(fm_ctx *ctx, const fm_data *data, uint64_t seed, uint64_t n = 0) const {
    double loss = 0;
    return with(call(ctx, fm_model_evaluate, get(), data, seed, n, &loss), loss);
  }
};

struct trainer : handle<fm_trainer, fm_trainer_destroy> {
  using handle::handle;
  static returns<trainer> create(fm_ctx *ctx, const fm_net *net, const fm_path *path = nullptr,
                                 const fm_prior *prior = nullptr, const fm_normaliser *normaliser = nullptr,
                                 const fm_normaliser *cond_normaliser = nullptr,
                                 const fm_optimizer *optimizer = nullptr, floats params = {},
                                 const fm_trainer_options *options = nullptr) {
    trainer made;
    made.row_ = detail::shape(net);
    detail::rows r("params", 0, 1);
    r.fit("params", params.size(), net == nullptr ? 0 : fm_net_n_params(net));
    auto done = call(ctx, r, fm_trainer_create, net, path, prior, normaliser, cond_normaliser, optimizer,
                     params.data(), options, made.put());
    return with(done, made);
  }
  // The loss of the step.
  returns<double> step(fm_ctx *ctx, floats x1, floats x0 = {}, labels l = {}, floats cond = {},
                       floats weights = {}) {
    return step_(ctx, fm_trainer_step, x1, x0, l, cond, weights);
  }
  returns<double> step(fm_ctx *ctx, doubles x1, doubles x0 = {}, labels l = {}, floats cond = {},
                       floats weights = {}) {
    return step_(ctx, fm_trainer_step_f64, x1, x0, l, cond, weights);
  }
  returns<fm_status> run(fm_ctx *ctx, const fm_data *data, uint64_t n_steps = 0) {
    return call(ctx, fm_trainer_run, get(), data, n_steps);
  }
  returns<fm_status> run_validated(fm_ctx *ctx, const fm_data *data, const fm_data *held_out,
                                   uint64_t n_steps = 0, const fm_validation_options *options = nullptr) {
    return call(ctx, fm_trainer_run_validated, get(), data, held_out, n_steps, options);
  }
  uint64_t steps() const noexcept { return fm_trainer_steps(get()); }
  returns<fm_status> publish(fm_ctx *ctx) { return call(ctx, fm_trainer_publish, get()); }
  returns<fm::model> latest(fm_ctx *ctx) const { return make<fm::model>(ctx, fm_trainer_latest, get()); }
  returns<fm::model> model(fm_ctx *ctx) const { return make<fm::model>(ctx, fm_trainer_model, get()); }
  returns<fm::model> best(fm_ctx *ctx, double *loss = nullptr) const {
    fm::model made;
    return with(call(ctx, fm_trainer_best, get(), made.put(), loss), made);
  }
  returns<fm_status> save(fm_ctx *c, const char *file) const { return call(c, fm_trainer_save, get(), file); }
  returns<fm_status> load(fm_ctx *c, const char *file) { return call(c, fm_trainer_load, get(), file); }

private:
  template <class F, class T>
  returns<double> step_(fm_ctx *ctx, F function, view<T> x1, view<T> x0, labels l, floats cond,
                        floats weights) {
    detail::rows r = row_.of("x1", x1.size(), l, cond);
    r.fit("x0", x0.size(), x1.size()).fit("weights", weights.size(), r.n);
    double loss = 0;
    auto done = call(ctx, r, function, get(), x1.data(), x0.data(), l.data(), cond.data(), weights.data(),
                     r.n, &loss);
    return with(done, loss);
  }
  detail::shape row_;
};

struct solver : handle<fm_solver, fm_solver_destroy> {
  using handle::handle;
  static returns<solver> create(fm_ctx *ctx, size_t dim, const fm_solver_options *options = nullptr) {
    solver made;
    made.dim_ = dim;
    return with(call(ctx, fm_solver_create, dim, options, made.put()), made);
  }
  // rhs takes a const fm_rhs_call *, trajectory a const fm_trajectory *.
  template <class Rhs, class Trajectory = std::nullptr_t>
  returns<fm_status> solve(fm_ctx *ctx, Rhs &&rhs, double t0, double t1, view<double> y,
                           Trajectory &&trajectory = nullptr, fm_solve_stats *stats = nullptr) {
    callback<Rhs &> f(rhs);
    callback<Trajectory &> g(trajectory);
    detail::rows r("y", y.size(), dim_);
    return call(ctx, r, fm_solver_solve, get(), f, &f, t0, t1, r.n, y.data(), g, &g, stats);
  }

private:
  size_t dim_ = 0;
};

struct sampler : handle<fm_sampler, fm_sampler_destroy> {
  using handle::handle;
  static returns<sampler> create(fm_ctx *ctx, const fm_model *model,
                                 const fm_solver_options *solver = nullptr,
                                 const fm_sampler_options *options = nullptr) {
    sampler made;
    made.row_ = detail::shape(fm_model_net(model));
    return with(call(ctx, fm_sampler_create, model, solver, options, made.put()), made);
  }
  // For weights of rows, known values or a potential: flowmatch_guide.h.
  static returns<sampler> create_guided(fm_ctx *ctx, const fm_model *model, const fm_solver_options *solver,
                                        const fm_sampler_options *options,
                                        const fm_guidance_options *guidance) {
    sampler made;
    made.row_ = detail::shape(fm_model_net(model));
    return with(call(ctx, fm_sampler_create_guided, model, solver, options, guidance, made.put()), made);
  }
  returns<fm_status> set_model(fm_ctx *ctx, const fm_model *model) {
    return call(ctx, fm_sampler_set_model, get(), model);
  }
  // As many rows as out has room for. FM_DEADLINE if the time ran out.
  returns<fm_status> draw(fm_ctx *ctx, uint64_t seed, uint64_t first_row, labels l, floats cond,
                          view<float> out) {
    const detail::rows r = row_.of("out", out.size(), l, cond);
    return call(ctx, r, fm_sampler_draw, get(), seed, first_row, l.data(), cond.data(), r.n, out.data());
  }
  returns<fm_status> draw(fm_ctx *ctx, uint64_t seed, uint64_t first_row, labels l, floats cond,
                          view<double> out) {
    const detail::rows r = row_.of("out", out.size(), l, cond);
    return call(ctx, r, fm_sampler_draw_f64, get(), seed, first_row, l.data(), cond.data(), r.n, out.data());
  }
  returns<fm_status> draw_guided(fm_ctx *ctx, uint64_t seed, uint64_t first_row, labels l, floats cond,
                                 doubles weights, floats known, floats mask, view<float> out) {
    return draw_guided_(ctx, fm_sampler_draw_guided, seed, first_row, l, cond, weights, known, mask, out);
  }
  returns<fm_status> draw_guided(fm_ctx *ctx, uint64_t seed, uint64_t first_row, labels l, floats cond,
                                 doubles weights, doubles known, floats mask, view<double> out) {
    return draw_guided_(ctx, fm_sampler_draw_guided_f64, seed, first_row, l, cond, weights, known, mask, out);
  }
  // Of samplers with a divergence; error gets standard errors. FM_COARSE if more steps would change some.
  returns<fm_status> log_density(fm_ctx *ctx, uint64_t first_row, labels l, floats cond, doubles x,
                                 view<double> log_density, view<double> error = {},
                                 fm_solve_stats *stats = nullptr) {
    detail::rows r = row_.of("x", x.size(), l, cond);
    r.fit("log_density", log_density.size(), r.n).fit("error", error.size(), r.n);
    return call(ctx, r, fm_sampler_log_density, get(), first_row, l.data(), cond.data(), r.n, x.data(),
                log_density.data(), error.data(), stats, nullptr);
  }
  returns<fm_status> draw_log_density(fm_ctx *ctx, uint64_t seed, uint64_t first_row, labels l, floats cond,
                                      view<double> out, view<double> log_density, view<double> error = {},
                                      fm_solve_stats *stats = nullptr) {
    detail::rows r = row_.of("out", out.size(), l, cond);
    r.fit("log_density", log_density.size(), r.n).fit("error", error.size(), r.n);
    return call(ctx, r, fm_sampler_draw_log_density, get(), seed, first_row, l.data(), cond.data(), r.n,
                out.data(), log_density.data(), error.data(), stats, nullptr);
  }
  template <class Trajectory = std::nullptr_t>
  returns<fm_status> transport(fm_ctx *ctx, double t0, double t1, labels l, floats cond, view<double> x,
                               Trajectory &&trajectory = nullptr, fm_solve_stats *stats = nullptr) {
    callback<Trajectory &> g(trajectory);
    const detail::rows r = row_.of("x", x.size(), l, cond);
    return call(ctx, r, fm_sampler_transport, get(), t0, t1, l.data(), cond.data(), r.n, x.data(), g, &g,
                stats);
  }

private:
  template <class F, class T>
  returns<fm_status> draw_guided_(fm_ctx *ctx, F function, uint64_t seed, uint64_t first_row, labels l,
                                  floats cond, doubles weights, view<const T> known, floats mask,
                                  view<T> out) {
    detail::rows r = row_.of("out", out.size(), l, cond);
    r.fit("weights", weights.size(), r.n).fit("known", known.size(), out.size());
    r.fit("mask", mask.size(), out.size());
    return call(ctx, r, function, get(), seed, first_row, l.data(), cond.data(), weights.data(), known.data(),
                mask.data(), r.n, out.data(), nullptr, nullptr);
  }
  detail::shape row_;
};

/* ---- One call ---------------------------------------------------------------------------------------- */

// With `ended`, a training that fm_ctx_stop or a callback ended is no error if it leaves a model.
inline returns<model> fit(fm_ctx *ctx, const fm_data *data, const fm_path *path = nullptr,
                          const fm_prior *prior = nullptr, const fm_optimizer *optimizer = nullptr,
                          const fm_net_options *net_options = nullptr,
                          const fm_trainer_options *options = nullptr, fm_status *ended = nullptr) {
  model made;
  fm_status status = detail::guarded(
      [&] { return fm_fit(ctx, data, path, prior, optimizer, net_options, options, made.put()); });
  const bool usable = status == FM_OK || (ended != nullptr && made != nullptr);
  if (ended != nullptr) *ended = status;
  return with(usable ? returns<fm_status>(status) : fail(status, fm_ctx_message(ctx)), made);
}

// A straight or distilled model of a model: flowmatch_reflow.h.
inline returns<model> reflow(fm_ctx *ctx, const fm_model *of, const fm_data *data = nullptr,
                             const fm_optimizer *optimizer = nullptr,
                             const fm_solver_options *solver = nullptr,
                             const fm_reflow_options *options = nullptr,
                             const fm_trainer_options *trainer_options = nullptr,
                             fm_reflow_stats *stats = nullptr) {
  model made;
  auto done = call(ctx, fm_reflow, of, data, optimizer, solver, options, trainer_options, made.put(), stats);
  return with(done, made);
}

// A metric between x and the true rows y, of dim columns each: flowmatch_eval.h.
inline returns<fm_eval_result> compare(fm_ctx *ctx, uint32_t metric, doubles x, doubles y, size_t dim,
                                       doubles spare = {}, const fm_eval_options *options = nullptr) {
  auto found = init<fm_eval_result>();
  const detail::rows r("x", x.size(), dim), s("y", y.size(), dim), t("spare", spare.size(), dim);
  const detail::rows &first = !r.wrong.empty() ? r : !s.wrong.empty() ? s : t;
  auto done = call(ctx, first, fm_eval_compare, metric, x.data(), r.n, y.data(), s.n, dim, spare.data(), t.n,
                   options, &found);
  return with(done, found);
}

inline returns<fm_status> sample(fm_ctx *ctx, const fm_model *model, uint64_t seed, uint64_t first_row,
                                 labels l, floats cond, view<float> out) {
  const detail::rows r = detail::shape(fm_model_net(model)).of("out", out.size(), l, cond);
  return call(ctx, r, fm_sample, model, seed, first_row, l.data(), cond.data(), r.n, out.data());
}

} // inline namespace
} // namespace fm
#endif
