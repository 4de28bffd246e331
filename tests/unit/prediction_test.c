/* prediction_test.c - training what tells a velocity: the same objective has the same gradient whatever is
   predicted, the Gaussian baseline, files, and a Gaussian learned by each. */
#include "train_fixture.h"

#include "io/safetensors.h"

/* ---- one model, read in five ways --------------------------------------------------------------------- */

#ifndef FMI_DOUBLE
static const char *const path_names[] = {"condot", "cosine", "poly", "vp", "linear-vp", "target-ot:0.1"};
enum { N_ROWS = 90, N_PARAMS = 3 };
static const struct {
  uint32_t kind, baseline;
} outputs[] = {{FM_VELOCITY, 0}, {FM_VELOCITY, 1}, {FM_X1, 0}, {FM_X0, 0}, {FM_SCORE, 0}};

/* The velocity (a + b t) x + c, said as what is predicted. */
typedef struct reading {
  fm_path *path;
  fmi_prediction prediction;
  double first, last; /* the times that all readings have */
} reading;

/* The output is by_x x + by_v v. */
static fm_path_coefficients said(const reading *r, double t, double *by_x, double *by_v) {
  fm_path_coefficients c = {0};
  fmi_conversion k = {0, 1, 1};
  const fmi_prediction *p = &r->prediction;
  if (fmi_path_at(r->path, t, &c, NULL) != FM_OK) abort();
  const double score = p->kind == FM_SCORE ? -1 / c.sigma : 1;
  if (p->kind != FM_VELOCITY) fmi_conversion_to(FM_VELOCITY, &c, p->kind == FM_X1, p->kind != FM_X1, &k);
  *by_x = score * k.by_x / k.divisor - (p->baseline ? fmi_path_baseline(&c) : 0);
  *by_v = score * k.by_value / k.divisor;
  return c;
}
static int32_t forward(void *user, const fm_net_call *c) {
  for (uint64_t i = 0; i < c->n; i++) {
    double by_x, by_v;
    said(user, c->t[i], &by_x, &by_v);
    for (uint64_t j = i * c->dim; j < (i + 1) * c->dim; j++) {
      const double x = (double)c->x[j],
                   v = ((double)c->params[0] + (double)c->params[1] * c->t[i]) * x + (double)c->params[2];
      c->velocity[j] = (float)(by_x * x + by_v * v);
    }
  }
  return 0;
}
static int32_t vjp(void *user, const fm_net_call *c) {
  for (uint64_t i = 0; i < c->n; i++) {
    double by_x, by_v;
    said(user, c->t[i], &by_x, &by_v);
    for (uint64_t j = i * c->dim; c->d_params && j < (i + 1) * c->dim; j++) {
      const double d = by_v * (double)c->d_velocity[j];
      c->d_params[0] += (float)(d * (double)c->x[j]);
      c->d_params[1] += (float)(d * c->t[i] * (double)c->x[j]);
      c->d_params[2] += (float)d;
    }
  }
  return 0;
}
/* The same times for all, wherever a prediction's interval is. */
static int32_t same_times(void *user, const fm_time_request *request) {
  const reading *r = user;
  for (uint64_t i = 0; i < request->n; i++) {
    const double t = r->first + (r->last - r->first) * request->uniforms[2 * i];
    request->t[i] = (t - r->prediction.first) / (r->prediction.last - r->prediction.first);
  }
  return 0;
}

/* The loss and the gradient of a step on fixed rows; weight is set by options. */
static double step_of(fm_ctx *ctx, const char *path, size_t output, const fm_trainer_options *given,
                      const float *params, double *grad) {
  reading r = {.prediction = {.kind = outputs[output].kind, .baseline = outputs[output].baseline}};
  fm_trainer_options o = *given;
  const fm_optimizer_options plain = {.struct_size = sizeof plain, .clip_norm = -1};
  fm_net *net;
  fm_trainer *trainer;
  fm_optimizer *optimizer;
  float x1[N_ROWS * 2], g[N_PARAMS];
  uint64_t seed = 5;
  double loss;
  OK(fm_path_create_named(ctx, path, &r.path));
  OK(fmi_prediction_settle(&r.prediction, "prediction", r.path, &ctx->err));
  /* Where neither end is more than ten times the other: float outputs tell the velocity well. */
  OK(fmi_path_snr_inverse(r.path, .1, &r.first, &ctx->err));
  if (fmi_path_snr_inverse(r.path, 10, &r.last, &ctx->err) != FM_OK) r.last = .99;
  o.struct_size = sizeof o;
  o.seed = 3, o.batch = N_ROWS;
  o.prediction = r.prediction.kind, o.baseline = r.prediction.baseline;
  o.time = same_times, o.time_user = &r;
  for (size_t i = 0; i < N_ROWS * 2; i++) x1[i] = (float)(.5 + next_normal(&seed));
  OK(fm_net_create_custom(ctx, 2, NULL, 0, 0, N_PARAMS, forward, vjp, NULL, &r, &net));
  OK(fm_optimizer_create(ctx, &plain, &optimizer));
  OK(fm_trainer_create(ctx, net, r.path, NULL, NULL, NULL, optimizer, params, &o, &trainer));
  OK(fm_trainer_step(ctx, trainer, x1, NULL, NULL, NULL, NULL, N_ROWS, &loss));
  OK(fm_trainer_get_gradient(ctx, trainer, g));
  for (size_t i = 0; grad && i < N_PARAMS; i++) grad[i] = (double)g[i];
  fm_trainer_destroy(trainer), fm_optimizer_destroy(optimizer), fm_net_destroy(net), fm_path_destroy(r.path);
  return loss;
}

static const float start[N_PARAMS] = {.7f, -1.2f, .4f};

static int32_t own_weight(void *user, const fm_time_weight_request *request) {
  (void)user;
  for (uint64_t i = 0; i < request->n; i++) request->weight[i] = 1 + request->t[i];
  return 0;
}

/* Weights are the velocity's: one objective, so one loss and one gradient, with every weight there is, and with
   one of the caller's. */
START_TEST(one_objective_has_one_gradient) {
  fm_ctx *ctx = new_ctx(1);
  for (uint32_t weight = FM_WEIGHT_CONSTANT; weight <= FM_WEIGHT_MIN_SNR + 1; weight++) {
    fm_trainer_options o = {.loss_weight = weight};
    if (weight > FM_WEIGHT_MIN_SNR) o.loss_weight = 0, o.weight = own_weight;
    double expected[N_PARAMS];
    if (weight == FM_WEIGHT_X1 && strcmp(path_names[_i], "poly") == 0) continue; /* D(0) = 0 */
    const double loss = step_of(ctx, path_names[_i], 0, &o, start, expected);
    const double size = fabs(expected[0]) + fabs(expected[1]) + fabs(expected[2]);
    for (size_t k = 1; k < FMI_COUNT(outputs); k++) {
      double grad[N_PARAMS];
      CLOSE(step_of(ctx, path_names[_i], k, &o, start, grad), loss, 1e-5 * loss);
      for (size_t j = 0; j < N_PARAMS; j++) CLOSE(grad[j], expected[j], 1e-5 * size);
    }
  }
  fm_ctx_destroy(ctx);
}
END_TEST

/* The loss is quadratic in the parameters: central differences of any width are exact. Without a weight it is
   that of the prediction itself. */
START_TEST(gradients_are_those_of_the_loss) {
  fm_ctx *ctx = new_ctx(1);
  for (size_t k = 0; k < FMI_COUNT(outputs); k++)
    for (uint32_t weight = 0; weight <= FM_WEIGHT_X0; weight += FM_WEIGHT_X0) {
      const fm_trainer_options o = {.loss_weight = weight};
      double grad[N_PARAMS];
      const double loss = step_of(ctx, path_names[_i], k, &o, start, grad);
      for (size_t j = 0; j < N_PARAMS; j++) {
        float less[N_PARAMS], more[N_PARAMS];
        memcpy(less, start, sizeof less), memcpy(more, start, sizeof more);
        less[j] -= .25f, more[j] += .25f;
        const double slope = (step_of(ctx, path_names[_i], k, &o, more, NULL) -
                              step_of(ctx, path_names[_i], k, &o, less, NULL)) /
                             ((double)more[j] - (double)less[j]);
        CLOSE(grad[j], slope, 2e-5 * (loss + fabs(slope)));
      }
    }
  fm_ctx_destroy(ctx);
}
END_TEST

/* The weights of a prediction's own loss make it that loss: noise prediction with FM_WEIGHT_X0 is the usual one,
   weight 1. */
START_TEST(a_predictions_own_weight_is_none) {
  static const struct {
    size_t output;
    uint32_t weight;
  } same[] = {{2, FM_WEIGHT_X1}, {3, FM_WEIGHT_X0}};
  fm_ctx *ctx = new_ctx(1);
  for (size_t i = 0; i < FMI_COUNT(same); i++) {
    const fm_trainer_options none = {0}, own = {.loss_weight = same[i].weight},
                             other = {.loss_weight = FM_WEIGHT_CONSTANT};
    double a[N_PARAMS], b[N_PARAMS];
    const double loss = step_of(ctx, path_names[_i], same[i].output, &none, start, a);
    CLOSE(step_of(ctx, path_names[_i], same[i].output, &own, start, b), loss, 1e-14 * loss);
    for (size_t j = 0; j < N_PARAMS; j++) CLOSE(b[j], a[j], 1e-6 * (fabs(a[0]) + fabs(a[1]) + fabs(a[2])));
    ck_assert(fabs(step_of(ctx, path_names[_i], same[i].output, &other, start, b) / loss - 1) > .1);
  }
  fm_ctx_destroy(ctx);
}
END_TEST
#endif

/* ---- learned ------------------------------------------------------------------------------------------ */

static const struct {
  const char *path;
  uint32_t prediction, baseline, weight;
} learned[] = {
    {"condot", FM_X1, 0, 0},
    {"condot", FM_X0, 0, 0},
    {"condot", FM_SCORE, 0, FM_WEIGHT_X0},
    {"condot", FM_VELOCITY, 1, 0},
    {"cosine", FM_X0, 0, 0},
    {"vp", FM_X0, 0, FM_WEIGHT_X0},
    {"poly", FM_X1, 0, FM_WEIGHT_CONSTANT},
    {"linear-vp", FM_X1, 0, FM_WEIGHT_CONSTANT},
};
enum { LEARN_ROWS = 2000, DRAWS = 4000 };

static fm_model *learn(fm_ctx *ctx, fm_path *path, const fm_normaliser *normaliser, const float *x,
                       fm_trainer_options o, double *held_out) {
  const fm_net_options no = {.struct_size = sizeof no, .width = 32, .depth = 1, .time_features = 16};
  const fm_optimizer_options oo = {
      .struct_size = sizeof oo, .learning_rate = 4e-3, .n_steps = quick() ? 5 : 900};
  fm_net *net;
  fm_optimizer *optimizer;
  fm_data *data;
  fm_trainer *trainer;
  fm_model *model;
  o.struct_size = sizeof o;
  o.seed = 11, o.batch = 256, o.ema_decay = .98;
  OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_data_create(ctx, x, NULL, NULL, NULL, NULL, LEARN_ROWS, 1, 0, 0, NULL, &data));
  OK(fm_trainer_create(ctx, net, path, NULL, normaliser, NULL, optimizer, NULL, &o, &trainer));
  OK(fm_trainer_run(ctx, trainer, data, 0));
  OK(fm_trainer_model(ctx, trainer, &model));
  ck_assert_uint_eq(fm_model_prediction(model), o.prediction);
  ck_assert_uint_eq(fm_model_baseline(model), o.baseline);
  if (held_out) OK(fm_model_evaluate(ctx, model, data, 7, 4 * LEARN_ROWS, held_out));
  fm_trainer_destroy(trainer), fm_data_destroy(data), fm_optimizer_destroy(optimizer), fm_net_destroy(net);
  return model;
}

/* N(2, 0.5^2), not normalised. */
START_TEST(every_prediction_learns_a_gaussian) {
  static float x[LEARN_ROWS], y[DRAWS];
  const size_t n = quick() ? 10 : DRAWS; /* hardly trained, rows take many steps */
  fm_ctx *ctx = new_ctx(1);
  fm_path *path;
  OK(fm_path_create_named(ctx, learned[_i].path, &path));
  fill_normals(x, LEARN_ROWS, 17);
  for (size_t i = 0; i < LEARN_ROWS; i++) x[i] = 2 + x[i] / 2;
  const fm_trainer_options o = {.prediction = learned[_i].prediction,
                                .baseline = learned[_i].baseline,
                                .loss_weight = learned[_i].weight};
  fm_model *model = learn(ctx, path, NULL, x, o, NULL);
  OK(fm_sample(ctx, model, 5, 0, NULL, NULL, n, y));
  double mean = 0, square = 0;
  for (size_t i = 0; i < n; i++)
    mean += (double)y[i] / (double)n, square += (double)y[i] * (double)y[i] / (double)n;
  if (!quick()) {
    CLOSE(mean, 2, .05);
    CLOSE(sqrt(square - mean * mean), .5, .05);
  }
  fm_model_destroy(model), fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST

/* Data N(0, 1) leaves nothing to learn but noise: a residual network that is 0 has the least loss there is,
   pi / 2 for CondOT, from the start. */
START_TEST(the_baseline_knows_the_gaussian) {
  enum { N = 20000 };
  static float x[N], y[DRAWS];
  fm_ctx *ctx = new_ctx(1);
  fm_path *path;
  fm_net *net;
  fm_data *data;
  fm_model *plain, *based;
  const fm_net_options no = {
      .struct_size = sizeof no, .width = 8, .depth = 1}; /* a residual MLP starts at 0 */
  double with, without;
  fill_normals(x, N, 29);
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
  float *params = new_block(fm_net_n_params(net), sizeof *params);
  OK(fm_net_init(ctx, net, 1, params));
  OK(fm_data_create(ctx, x, NULL, NULL, NULL, NULL, N, 1, 0, 0, NULL, &data));
  OK(fm_model_create(ctx, net, params, NULL, path, NULL, NULL, NULL, &plain));
  OK(fm_model_with_prediction(ctx, plain, FM_VELOCITY, 1, &based));
  OK(fm_model_evaluate(ctx, plain, data, 3, 0, &without));
  OK(fm_model_evaluate(ctx, based, data, 3, 0, &with));
  CLOSE(without, 2, .1);
  CLOSE(with, 1.5707963267948966, .06);
  OK(fm_sample(ctx, based, 5, 0, NULL, NULL, DRAWS, y));
  double mean = 0, square = 0;
  for (size_t i = 0; i < DRAWS; i++)
    mean += (double)y[i] / DRAWS, square += (double)y[i] * (double)y[i] / DRAWS;
  CLOSE(mean, 0, 5 / sqrt(DRAWS));
  CLOSE(square, 1, 5 * sqrt(2.0 / DRAWS));
  free(params), fm_model_destroy(plain), fm_model_destroy(based), fm_data_destroy(data), fm_net_destroy(net);
  fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST

/* ---- kept --------------------------------------------------------------------------------------------- */

START_TEST(files_hold_what_is_predicted) {
  static float x[LEARN_ROWS], a[50], b[50];
  fm_ctx *ctx = new_ctx(1);
  fm_path *path;
  char file[256];
  const fm_net_options no = {.struct_size = sizeof no, .width = 8, .depth = 1};
  temporary_name(file, sizeof file, "prediction");
  fill_normals(x, LEARN_ROWS, 17);
  OK(fm_path_create(ctx, FM_PATH_CONDOT, &path));
  for (uint32_t k = 0; k <= 4; k++) {
    const fm_trainer_options o = {.struct_size = sizeof o, .prediction = k % 4, .baseline = k == 4};
    fm_net *net;
    fm_trainer *trainer, *other;
    fm_model *model, *loaded, *noted;
    fm_sampler *s, *t;
    OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
    OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &o, &trainer));
    OK(fm_trainer_step(ctx, trainer, x, NULL, NULL, NULL, NULL, 200, NULL));
    OK(fm_trainer_publish(ctx, trainer));
    OK(fm_trainer_latest(ctx, trainer, &model));
    ck_assert(fm_model_prediction(model) == k % 4 && fm_model_baseline(model) == (k == 4));
    fm_model_destroy(model);
    OK(fm_trainer_model(ctx, trainer, &model));
    OK(fm_model_with_note(ctx, model, "a", "b", &noted));
    OK(fm_model_save(ctx, noted, file));
    OK(fm_model_load(ctx, file, &loaded));
    ck_assert_uint_eq(fm_model_prediction(loaded), k % 4);
    ck_assert_uint_eq(fm_model_baseline(loaded), k == 4);
    OK(fm_sampler_create(ctx, model, NULL, NULL, &s));
    OK(fm_sampler_create(ctx, loaded, NULL, NULL, &t));
    OK(fm_sampler_draw(ctx, s, 1, 0, NULL, NULL, 50, a));
    OK(fm_sampler_draw(ctx, t, 1, 0, NULL, NULL, 50, b));
    SAME(a, b, 50);
    /* Training goes on only as the same. */
    fm_trainer_options another = o;
    another.prediction = k == 4 ? 0 : (k + 1) % 4, another.baseline = 0;
    OK(fm_trainer_save(ctx, trainer, file));
    OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &another, &other));
    FAILS(FM_E_MISMATCH, k == 4 ? "net.baseline" : "net.prediction", fm_trainer_load(ctx, other, file));
    OK(fm_trainer_load(ctx, trainer, file));
    if (k == FM_X0) { /* no weight and the constant one differ here */
      fm_trainer *weighed;
      another.prediction = FM_X0, another.loss_weight = FM_WEIGHT_CONSTANT;
      OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, NULL, NULL, &another, &weighed));
      FAILS(FM_E_MISMATCH, "trainer.loss_weight", fm_trainer_load(ctx, weighed, file));
      fm_trainer_destroy(weighed);
    }
    fm_sampler_destroy(s), fm_sampler_destroy(t), fm_model_destroy(model), fm_model_destroy(loaded);
    fm_model_destroy(noted), fm_trainer_destroy(trainer), fm_trainer_destroy(other), fm_net_destroy(net);
  }
  remove(file);
  fm_path_destroy(path), fm_ctx_destroy(ctx);
}
END_TEST

/* A file whose word for the prediction is another, with its checksum put right. */
START_TEST(hostile_words_are_refused) {
  static const struct {
    const char *is, *becomes, *says;
    fm_status status;
  } words[] = {
      {"\"net.prediction\":\"x1\"", "\"net.prediction\":\"x9\"", "net.prediction", FM_E_UNSUPPORTED},
      {"\"net.prediction\":\"x1\"", "\"net.prediction\":\"\\n\"", "net.prediction", FM_E_UNSUPPORTED},
      {"\"net.prediction\":\"x1\"", "\"net.baseline\":\"none\"", "net.baseline", FM_E_UNSUPPORTED},
      {"\"path.kind\":\"condot\"", "\"path.kind\":\"bridge\"", "gamma", FM_E_UNSUPPORTED},
  };
  fm_ctx *ctx = new_ctx(1);
  fm_net *net;
  fm_model *velocity, *model, *loaded;
  char file[256];
  const fm_net_options no = {.struct_size = sizeof no, .width = 8, .depth = 1};
  temporary_name(file, sizeof file, "prediction");
  OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
  float *params = new_block(fm_net_n_params(net), sizeof *params);
  OK(fm_model_create(ctx, net, params, NULL, NULL, NULL, NULL, NULL, &velocity));
  OK(fm_model_with_prediction(ctx, velocity, FM_X1, 0, &model));
  OK(fm_model_save(ctx, model, file));
  FILE *f = fopen(file, "rb");
  static unsigned char bytes[1 << 18], changed[1 << 18];
  const size_t n = fread(bytes, 1, sizeof bytes, f);
  fclose(f), remove(file);
  for (size_t i = 0; i < FMI_COUNT(words); i++) {
    memcpy(changed, bytes, n);
    const size_t length = strlen(words[i].is);
    size_t at = 0;
    while (at + length < n && memcmp(changed + at, words[i].is, length) != 0) at++;
    HOLDS(at + length < n && strlen(words[i].becomes) == length, "case %zu is not of this file", i);
    memcpy(changed + at, words[i].becomes, length);
    fmi_safetensors_stamp(changed, n);
    FAILS(words[i].status, words[i].says, fm_model_load_memory(ctx, changed, n, &loaded));
  }
  free(params), fm_model_destroy(velocity), fm_model_destroy(model), fm_net_destroy(net), fm_ctx_destroy(ctx);
}
END_TEST

START_TEST(what_has_no_such_prediction_is_refused) {
  fm_ctx *ctx = new_ctx(1);
  fm_path *tube;
  fm_prior *uniform;
  fm_net *net;
  fm_trainer *t;
  fm_model *model, *out;
  const double low = -1, high = 1;
  float x[4] = {1, 2, 3, 4};
  const fm_net_options no = {.struct_size = sizeof no, .width = 8, .depth = 1};
  OK(fm_path_create(ctx, FM_PATH_ICFM, &tube));
  OK(fm_prior_create_uniform(ctx, &low, &high, 1, &uniform));
  OK(fm_net_create(ctx, 1, NULL, 0, 0, &no, &net));
  fm_trainer_options o = {.struct_size = sizeof o, .prediction = 4};
#define NO_TRAINER(says, path, prior)                                                                        \
  FAILS(FM_E_UNSUPPORTED, says, fm_trainer_create(ctx, net, path, prior, NULL, NULL, NULL, NULL, &o, &t))
  NO_TRAINER("FM_SCORE (3), found 4", NULL, NULL);
  for (o.prediction = FM_X1; o.prediction <= FM_SCORE; o.prediction++) NO_TRAINER("gamma = 0", tube, NULL);
  o.prediction = FM_SCORE;
  NO_TRAINER("Gaussian prior", NULL, uniform);
  o.coupling = FM_COUPLING_OT;
  NO_TRAINER("independent pairs", NULL, NULL);
  o.coupling = 0, o.baseline = 1;
  NO_TRAINER("baseline", NULL, NULL);
  o.prediction = 0, o.baseline = 2;
  NO_TRAINER("baseline", NULL, NULL);
  o.prediction = FM_SCORE, o.baseline = 0;
  OK(fm_trainer_create(ctx, net, NULL, NULL, NULL, NULL, NULL, NULL, &o, &t));
  FAILS(FM_E_UNSUPPORTED, "independent pairs", fm_trainer_step(ctx, t, x, x, NULL, NULL, NULL, 4, NULL));
  OK(fm_trainer_step(ctx, t, x, NULL, NULL, NULL, NULL, 4, NULL));
  fm_trainer_destroy(t);
  o.prediction = FM_X0; /* the source's end, whatever the source is */
  OK(fm_trainer_create(ctx, net, NULL, uniform, NULL, NULL, NULL, NULL, &o, &t));
  OK(fm_trainer_step(ctx, t, x, x, NULL, NULL, NULL, 4, NULL));
  OK(fm_trainer_model(ctx, t, &model));
  FAILS(FM_E_UNSUPPORTED, "independent pairs", fm_model_with_prediction(ctx, model, FM_SCORE, 0, &out));
  ck_assert_ptr_null(out);
  ck_assert(fm_model_prediction(NULL) == 0 && fm_model_baseline(NULL) == 0);
  fm_trainer_destroy(t), fm_model_destroy(model), fm_net_destroy(net), fm_prior_destroy(uniform);
  fm_path_destroy(tube), fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tests = new_case(&suite, "prediction");
#ifndef FMI_DOUBLE /* callbacks take float */
  tcase_add_loop_test(tests, one_objective_has_one_gradient, 0, FMI_COUNT(path_names));
  tcase_add_loop_test(tests, gradients_are_those_of_the_loss, 0, FMI_COUNT(path_names));
  tcase_add_loop_test(tests, a_predictions_own_weight_is_none, 0, FMI_COUNT(path_names));
#endif
  tcase_add_loop_test(tests, every_prediction_learns_a_gaussian, 0, FMI_COUNT(learned));
  tcase_add_test(tests, the_baseline_knows_the_gaussian);
  tcase_add_test(tests, files_hold_what_is_predicted);
  tcase_add_test(tests, hostile_words_are_refused);
  tcase_add_test(tests, what_has_no_such_prediction_is_refused);
  return run_suite(suite);
}
