/* api.h - the context, and how public functions check their arguments. Each public function checks, then
   calls one internal function. */
#ifndef FMI_API_H
#define FMI_API_H

#include "core/traps.h"
#include "model/model.h"
#include "net/runtime.h"

struct fm_ctx {
  fmi_memory *memory;
  fmi_pool *pool;
  fmi_runtime runtime;
  fmi_error err;
  atomic_bool stop;
  fmi_blas_info blas;
};

/* Returns FM_E_INVALID from the calling function, with a text, unless the condition holds. */
#define REQUIRE(condition, ...)                                                                              \
  do {                                                                                                       \
    if (!(condition)) return fmi_fail(&ctx->err, FM_E_INVALID, __VA_ARGS__);                                 \
  } while (0)
#define REQUIRE_POINTER(argument) REQUIRE((argument) != NULL, #argument ": expected a pointer, found NULL")
/* NULL is fine where the count is 0. */
#define REQUIRE_ARRAY(argument, count)                                                                       \
  REQUIRE((argument) != NULL || (count) == 0, #argument ": expected an array of %zu, found NULL",            \
          (size_t)(count))
/* First in every function that computes. */
#define REQUIRE_CTX()                                                                                        \
  FMI_MASK_TRAPS();                                                                                          \
  if (ctx == NULL) return FM_E_INVALID
/* For creating functions: *out is NULL until they succeed. */
#define REQUIRE_OUT()                                                                                        \
  if (out != NULL) *out = NULL;                                                                              \
  REQUIRE_CTX();                                                                                             \
  REQUIRE_POINTER(out)
/* Reads an options argument into a local of the type. */
#define READ_OPTIONS(type, local, given)                                                                     \
  type local;                                                                                                \
  FMI_TRY(fmi_options_read(&ctx->err, #type, given, &local, sizeof local))
/* The end of a creating function. */
#define RETURN_HANDLE(handle)                                                                                \
  do {                                                                                                       \
    *out = (handle);                                                                                         \
    return *out != NULL ? FM_OK : ctx->err.status;                                                           \
  } while (0)

/* What functions on samplers check alike (sampler.c): options, with defaults filled in, and rows' conditions. */
struct fmi_solve_config;
fm_status fmi_sampler_read_options(fm_ctx *ctx, const fm_model *model, const fm_solver_options *solver,
                                   const fm_sampler_options *options, bool guided,
                                   struct fmi_solve_config *config, fm_sampler_options *o);
fm_status fmi_sampler_check_conditions(fm_ctx *ctx, const fm_net *net, const int32_t *labels,
                                       const float *cond, size_t n);

/* Products of caller's counts, refused when they overflow. */
#define REQUIRE_CELLS(n, dim)                                                                                \
  REQUIRE(fmi_mul_size(n, fmi_mul_size(dim, sizeof(double))) <= PTRDIFF_MAX,                                 \
          "n: expected n * dim to fit memory, found %zu rows of %zu", (size_t)(n), (size_t)(dim))

/* Parameter blocks are float in the ABI and `real` inside. */
static inline void fmi_reals_from_floats(real *to, const float *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = (real)from[i];
}
static inline void fmi_floats_from_reals(float *to, const real *from, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}
#endif
