/* path_api_test.c - paths by kind, parameters and name, in files, in training and in sampling. */
#include "train_fixture.h"

#include "io/files.h"
#include "io/safetensors.h"
#include "sample/sampler.h"

static fm_path *named(fm_ctx *ctx, const char *text) {
  fm_path *path = NULL;
  OK(fm_path_create_named(ctx, text, &path));
  return path;
}

/* ---- names --------------------------------------------------------------------------------------- */

static const struct {
  const char *text, *name;
  uint32_t kind;
  size_t n;
  double params[2];
} names[] = {
    {"condot", "condot", FM_PATH_CONDOT, 0, {0}},
    {"cosine", "cosine", FM_PATH_COSINE, 1, {0}},
    {"cosine:0.1", "cosine", FM_PATH_COSINE, 1, {.1}},
    {"poly", "poly", FM_PATH_POLYNOMIAL, 1, {2}},
    {"poly:3", "poly", FM_PATH_POLYNOMIAL, 1, {3}},
    {"vp", "vp", FM_PATH_VP, 2, {.1, 20}},
    {"vp:0.2", "vp", FM_PATH_VP, 2, {.2, 20}},
    {"vp:0:15", "vp", FM_PATH_VP, 2, {.1, 15}},
    {"linear-vp", "linear-vp", FM_PATH_LINEAR_VP, 0, {0}},
    {"target-ot", "target-ot", FM_PATH_TARGET_OT, 1, {1e-4}},
    {"icfm:0.25", "icfm", FM_PATH_ICFM, 1, {.25}},
    {"icfm:-1", "icfm", FM_PATH_ICFM, 1, {0}},
    {"bridge", "bridge", FM_PATH_BRIDGE, 1, {.5}},
};

START_TEST(by_name) {
  fm_ctx *ctx = new_ctx(1);
  for (size_t i = 0; i < FMI_COUNT(names); i++) {
    fm_path *path = named(ctx, names[i].text), *same = NULL;
    double params[2] = {7, 7};
    ck_assert_uint_eq(fm_path_kind(path), names[i].kind);
    ck_assert_str_eq(fm_path_name(path), names[i].name);
    ck_assert_uint_eq(fm_path_params(path, params, 2), names[i].n);
    for (size_t j = 0; j < names[i].n; j++) ck_assert(params[j] == names[i].params[j]);
    for (size_t j = names[i].n; j < 2; j++) ck_assert(params[j] == 7);
    /* Widths of 0 are the default when given: "none" is negative. */
    for (size_t j = 0; j < names[i].n; j++) params[j] = params[j] == 0 ? -1 : params[j];
    OK(fm_path_create_with(ctx, names[i].kind, params, names[i].n, &same));
    ck_assert_mem_eq(same->params, path->params, sizeof path->params);
    fm_path_destroy(path);
    fm_path_destroy(same);
  }
  fm_path *plain = NULL;
  double first = -1, last = -1;
  OK(fm_path_create(ctx, FM_PATH_BRIDGE, &plain));
  ck_assert(plain->params[0] == .5);
  ck_assert_uint_eq(fm_path_params(plain, NULL, 0), 1);
  OK(fm_path_interval(ctx, plain, &first, &last));
  ck_assert(first == FMI_PATH_MARGIN && last == 1 - FMI_PATH_MARGIN);
  fm_path_destroy(plain);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- files --------------------------------------------------------------------------------------- */

static fm_model *small_model(fm_ctx *ctx, const fm_path *path) {
  const fm_net_options o = {
      .struct_size = sizeof o, .kind = FM_NET_MLP, .width = 4, .depth = 2, .time_features = 4};
  fm_net *net = NULL;
  fm_model *model = NULL;
  float params[256];
  OK(fm_net_create(ctx, 2, NULL, 0, 0, &o, &net));
  ck_assert_uint_le(fm_net_n_params(net), 256);
  OK(fm_net_init(ctx, net, 3, params));
  OK(fm_model_create(ctx, net, params, NULL, path, NULL, NULL, NULL, &model));
  fm_net_destroy(net);
  return model;
}

static void *file_bytes(const char *name, size_t *n) {
  FILE *file = fopen(name, "rb");
  ck_assert_ptr_nonnull(file);
  char *bytes = new_block(1u << 16, 1);
  *n = fread(bytes, 1, 1u << 16, file);
  fclose(file);
  ck_assert_uint_lt(*n, 1u << 16);
  return bytes;
}

/* Every schedule of the list comes back from a file with its parameters. */
START_TEST(in_files) {
  fm_ctx *ctx = new_ctx(1);
  char file[256];
  temporary_name(file, sizeof file, "paths");
  for (size_t i = 0; i < FMI_COUNT(names); i++) {
    fm_path *path = named(ctx, names[i].text);
    fm_model *model = small_model(ctx, path), *read = NULL;
    OK(fm_model_save(ctx, model, file));
    OK(fm_model_load(ctx, file, &read));
    ck_assert_ptr_eq(fm_model_path(read)->schedule, path->schedule);
    ck_assert_mem_eq(fm_model_path(read)->params, path->params, sizeof path->params);
    ck_assert(fm_model_path(read)->last == path->last && fm_model_path(read)->first == path->first);
    fm_model_destroy(model), fm_model_destroy(read), fm_path_destroy(path);
  }
  unlink(file);
  fm_ctx_destroy(ctx);
}
END_TEST

/* Overwrites a text in a file by one of the same length and makes the checksum right again. */
static void replace(char *bytes, size_t n, const char *from, const char *to) {
  ck_assert_uint_eq(strlen(from), strlen(to));
  for (size_t i = 0; i + strlen(from) < n; i++)
    if (memcmp(bytes + i, from, strlen(from)) == 0) {
      memcpy(bytes + i, to, strlen(to));
      ck_assert(fmi_safetensors_stamp(bytes, n));
      return;
    }
  ck_abort_msg("'%s' is not in the file", from);
}

START_TEST(hostile_parameters) {
  static const struct {
    const char *from, *to;
    fm_status status;
    const char *text;
  } cases[] = {
      {"path.beta_max\":\"0x1.4p+4", "path.beta_max\":\"0x1.4p+9", FM_OK, NULL},
      {"path.beta_max\":\"0x1.4p+4", "path.beta_max\":\"0x1.4p44", FM_E_FORMAT, "vp.beta_max"},
      {"path.beta_max\":\"0x1.4p+4", "path.beta_max\":\"-0x1.4p4", FM_E_FORMAT, "vp.beta_max"},
      {"path.beta_max\":\"0x1.4p+4", "path.beta_max\":\"infinity", FM_E_FORMAT, "path.beta_max"},
      {"path.beta_max\":\"0x1.4p+4", "path.beta_max\":\"0x1.4p-4", FM_E_FORMAT, "alpha(0)"},
      {"path.beta_max\":\"0x1.4p+4", "past.beta_max\":\"infinity", FM_OK, NULL}, /* not there: the default */
      {"path.kind\":\"vp\"", "path.kind\":\"vq\"", FM_E_UNSUPPORTED, "path.kind"},
  };
  fm_ctx *ctx = new_ctx(1);
  char file[256];
  temporary_name(file, sizeof file, "hostile-paths");
  fm_path *path = named(ctx, "vp");
  fm_model *model = small_model(ctx, path);
  OK(fm_model_save(ctx, model, file));
  for (size_t i = 0; i < FMI_COUNT(cases); i++) {
    size_t n;
    fm_model *read = NULL;
    char *bytes = file_bytes(file, &n);
    replace(bytes, n, cases[i].from, cases[i].to);
    if (cases[i].status == FM_OK) {
      OK(fm_model_load_memory(ctx, bytes, n, &read));
      fm_model_destroy(read);
    } else {
      FAILS(cases[i].status, cases[i].text, fm_model_load_memory(ctx, bytes, n, &read));
      ck_assert_ptr_null(read);
    }
    free(bytes);
  }
  fm_model_destroy(model), fm_path_destroy(path);
  unlink(file);
  fm_ctx_destroy(ctx);
}
END_TEST

/* A file of version 0.1 has no parameters. */
START_TEST(nothing_is_written_for_paths_without_parameters) {
  fm_ctx *ctx = new_ctx(1);
  char file[256];
  temporary_name(file, sizeof file, "old-paths");
  fm_path *path = named(ctx, "cosine");
  fm_model *model = small_model(ctx, path);
  OK(fm_model_save(ctx, model, file));
  size_t n;
  char *bytes = file_bytes(file, &n);
  for (size_t i = 0; i + 10 < n; i++) ck_assert(memcmp(bytes + i, "path.width", 10) != 0);
  free(bytes);
  fm_model_destroy(model), fm_path_destroy(path);
  unlink(file);
  fm_ctx_destroy(ctx);
}
END_TEST

/* ---- in training and sampling --------------------------------------------------------------------- */

/* What the network was asked for. */
typedef struct witness {
  double first, last;
  uint64_t calls;
} witness;

static int32_t watch(void *user, const fm_net_call *c) {
  witness *w = user;
  w->calls++;
  for (uint64_t i = 0; i < c->n; i++) {
    w->first = fmin(w->first, c->t[i]);
    w->last = fmax(w->last, c->t[i]);
  }
  for (uint64_t i = 0; i < c->n * c->dim; i++) c->velocity[i] = c->params[0] * c->x[i];
  return 0;
}
static int32_t watch_vjp(void *user, const fm_net_call *c) {
  (void)user;
  for (uint64_t i = 0; i < c->n * c->dim; i++) {
    if (c->d_x) c->d_x[i] = c->params[0] * c->d_velocity[i];
    if (c->d_params) c->d_params[0] += c->x[i] * c->d_velocity[i];
  }
  return 0;
}

/* No path's network sees a time at which its target is infinite, and the loss is finite. */
START_TEST(singular_ends_are_never_evaluated) {
  if (IS_DOUBLE) return; /* a net of callbacks takes float */
  fm_ctx *ctx = new_ctx(1);
  float x[2 * 100];
  fill_normals(x, 2 * 100, 8);
  const fm_trainer_options options = {.struct_size = sizeof options, .batch = 100};
  const fm_solver_options solvers[] = {{.struct_size = sizeof *solvers, .method = FM_SOLVER_EULER},
                                       {.struct_size = sizeof *solvers, .method = FM_SOLVER_DOPRI5}};
  for (size_t i = 0; i < FMI_COUNT(names); i++) {
    witness w = {1, 0, 0};
    fm_path *path = named(ctx, names[i].text);
    fm_net *net = NULL;
    fm_trainer *trainer = NULL;
    fm_model *model = NULL;
    OK(fm_net_create_custom(ctx, 2, NULL, 0, 0, 1, watch, watch_vjp, NULL, &w, &net));
    OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &options, &trainer));
    for (int step = 0; step < (quick() ? 20 : 300); step++) {
      double loss = NAN;
      OK(fm_trainer_step(ctx, trainer, x, NULL, NULL, NULL, NULL, 100, &loss));
      ck_assert(isfinite(loss));
    }
    ck_assert_msg(w.calls > 0 && w.first >= path->first && w.last <= path->last, "%s: %g to %.17g",
                  names[i].text, w.first, w.last);
    OK(fm_trainer_model(ctx, trainer, &model));
    w = (witness){1, 0, 0};
    for (size_t k = 0; k < FMI_COUNT(solvers); k++) {
      fm_sampler *sampler = NULL;
      const double ends[] = {0, 1};
      float out[2 * 100];
      double back[2 * 100];
      OK(fm_sampler_create(ctx, model, &solvers[k], NULL, &sampler));
      OK(fm_sampler_draw(ctx, sampler, 1, 0, NULL, NULL, 100, out));
      for (size_t j = 0; j < 200; j++) back[j] = out[j];
      OK(fm_sampler_transport(ctx, sampler, 1, 0, NULL, NULL, 100, back, NULL, NULL, NULL));
      OK(fm_sampler_velocity(ctx, sampler, x, ends, NULL, NULL, 2, out));
      fm_sampler_destroy(sampler);
    }
    ck_assert_msg(w.first == path->first && w.last == path->last, "%s: %g to %.17g", names[i].text, w.first,
                  w.last);
    fm_model_destroy(model), fm_trainer_destroy(trainer), fm_net_destroy(net), fm_path_destroy(path);
  }
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {by_name, in_files, hostile_parameters,
                                nothing_is_written_for_paths_without_parameters,
                                singular_ends_are_never_evaluated};
  return run_tests("path_api", tests, FMI_COUNT(tests));
}
