/* oom.h - scenarios that a host plays while its allocator fails, and the macros they are written with. */
#ifndef FM_TESTS_OOM_H
#define FM_TESTS_OOM_H

#include "allocator.h"

/* A scenario makes handles, uses them and destroys them all. It ends at the first call that fails and returns
   its status. */
typedef fm_status (*scenario_fn)(fm_ctx *ctx);

fm_status scenario_small_handles(fm_ctx *ctx);
fm_status scenario_priors(fm_ctx *ctx);
fm_status scenario_nets(fm_ctx *ctx);
fm_status scenario_custom_net(fm_ctx *ctx);
fm_status scenario_data(fm_ctx *ctx);
fm_status scenario_files(fm_ctx *ctx);
fm_status scenario_models(fm_ctx *ctx);
fm_status scenario_model_files(fm_ctx *ctx);
fm_status scenario_trainer(fm_ctx *ctx);
fm_status scenario_rules(fm_ctx *ctx);
fm_status scenario_couplings(fm_ctx *ctx);
fm_status scenario_evaluate(fm_ctx *ctx);
fm_status scenario_checkpoints(fm_ctx *ctx);
fm_status scenario_solvers(fm_ctx *ctx);
fm_status scenario_samplers(fm_ctx *ctx);
fm_status scenario_densities(fm_ctx *ctx);
fm_status scenario_fit(fm_ctx *ctx);
fm_status scenario_mean_flow(fm_ctx *ctx);

/* The context's allocator, and a folder for files. */
extern allocator host;
extern char folder[64];

/* Checks a status against what the allocator did, and returns it. */
fm_status judged(fm_ctx *ctx, const char *call, size_t failed_before, fm_status status);
/* The status of a call that has to be FM_OK without allocating. */
fm_status frugal(fm_ctx *ctx, const char *call, size_t calls_before, fm_status status);
void not_made(const char *call, const void *handle);

/* In a scenario with a variable `status` and a label `end`. */
#define CALL(call)                                                                                           \
  do {                                                                                                       \
    size_t failed_before = host.n_failed;                                                                    \
    status = judged(ctx, #call, failed_before, (call));                                                      \
    if (status != FM_OK) goto end;                                                                           \
  } while (0)
/* A call that makes `handle`. */
#define MAKE(handle, call)                                                                                   \
  do {                                                                                                       \
    size_t failed_before = host.n_failed;                                                                    \
    status = judged(ctx, #call, failed_before, (call));                                                      \
    if (status != FM_OK) not_made(#call, handle);                                                            \
    if (status != FM_OK) goto end;                                                                           \
  } while (0)
/* A call that is promised not to allocate. */
#define FRUGAL(call)                                                                                         \
  do {                                                                                                       \
    size_t calls_before = host.n_calls;                                                                      \
    status = frugal(ctx, #call, calls_before, (call));                                                       \
  } while (0)

/* Rows for every scenario: two columns, one class column of three, a condition vector of two. */
#define N_ROWS 9u
extern const float rows_f32[2 * N_ROWS], conds[2 * N_ROWS], weights[N_ROWS];
extern const double rows_f64[2 * N_ROWS], times[N_ROWS];
extern const int32_t labels[N_ROWS];
extern const uint32_t n_classes[1];

/* A network as small as they come: at most this many parameters. */
enum { MOST_PARAMS = 8192 };
fm_net_options small_net(uint32_t kind);
fm_trainer_options small_trainer(void);
/* The bytes of a file, at most `most`; their number. */
size_t read_file(const char *path, void *bytes, size_t most);
/* The path of a file in the folder, valid until the next call. */
const char *in_folder(const char *name);

#endif
