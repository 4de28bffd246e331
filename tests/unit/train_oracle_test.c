/* train_oracle_test.c - training against what is known exactly. For data N(m, s^2), a standard normal source
   and an independent coupling, x_t and u_t are jointly Gaussian, so that the best velocity leaves the loss

     integral of Var(u_t | x_t) dt = integral of (D s)^2 / V dt,   V = alpha^2 s^2 + sigma^2,
     D = alpha' sigma - alpha sigma',

   which is s pi / 2 for the straight path, and its flow carries x0 to m + s x0. */
#include "fixture.h"

#define PI 3.14159265358979323846

typedef struct oracle {
  const char *what;
  size_t dim;
  double m[2], s[2];
  uint32_t path;
  fm_net_options net;
  uint64_t seed;
} oracle;

static const oracle oracles[] = {
    {"one column, MLP",
     1,
     {2},
     {.5},
     FM_PATH_CONDOT,
     {.kind = FM_NET_MLP, .width = 48, .depth = 3, .time_features = 8},
     1},
    {"two columns, residual MLP",
     2,
     {1, -.5},
     {.5, 1.5},
     FM_PATH_CONDOT,
     {.width = 32, .depth = 2, .time_features = 8},
     1},
    {"one column, cosine path",
     1,
     {-1},
     {.8},
     FM_PATH_COSINE,
     {.kind = FM_NET_MLP, .width = 48, .depth = 3, .time_features = 8},
     1},
};

/* Fresh rows for ever: a data set would be learned by heart before the velocity is known to a percent. */
typedef struct source {
  const oracle *o;
  uint64_t key;
} source;
static int32_t pull(void *user, const fm_pull_request *r) {
  const source *s = user;
  for (uint64_t i = 0; i < r->n; i++) {
    uint64_t state = s->key + 1000003 * (r->first_row + i);
    for (uint64_t j = 0; j < r->dim; j++)
      r->x1[i * r->dim + j] = s->o->m[j] + s->o->s[j] * next_normal(&state);
  }
  return 0;
}

/* Simpson's rule on the path's own coefficients; the integrand is smooth. */
static double irreducible(fm_ctx *ctx, const fm_path *path, double s) {
  enum { N = 2000 };
  double sum = 0;
  for (int i = 0; i <= N; i++) {
    fm_path_coefficients c;
    fm_path_coefficients_init(&c);
    OK(fm_path_coefficients_at(ctx, path, (double)i / N, &c));
    double d = (c.d_alpha * c.sigma - c.alpha * c.d_sigma) * s,
           v = c.alpha * c.alpha * s * s + c.sigma * c.sigma;
    sum += (i == 0 || i == N ? 1 : i % 2 ? 4 : 2) * d * d / v / (3.0 * N);
  }
  return sum;
}

/* How far rows that start on [-2, 2] end from where they belong, in deviations of the data. */
typedef struct map_error {
  double rms, worst;
} map_error;
static map_error error_of_map(fm_ctx *ctx, const oracle *o, fm_trainer *trainer) {
  enum { N = 41 };
  double x[N * 2], x0[N * 2];
  map_error e = {0, 0};
  const double tolerance = quick() ? 1e-2 : 1e-6; /* time features turn fast: small steps are many */
  fm_solver_options so = {
      .struct_size = sizeof so, .method = FM_SOLVER_DOPRI5, .rtol = tolerance, .atol = tolerance};
  fm_model *model;
  fm_sampler *sampler;
  OK(fm_trainer_model(ctx, trainer, &model));
  OK(fm_sampler_create(ctx, model, &so, NULL, &sampler));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < o->dim; j++) x[i * o->dim + j] = -2 + 0.1 * (double)(j ? (i * 17) % N : i);
  memcpy(x0, x, sizeof x);
  OK(fm_sampler_transport(ctx, sampler, 0, 1, NULL, NULL, N, x, NULL, NULL, NULL));
  for (size_t i = 0; i < N * o->dim; i++) {
    double s = o->s[i % o->dim], error = fabs(x[i] - (o->m[i % o->dim] + s * x0[i])) / s;
    e.worst = error > e.worst ? error : e.worst;
    e.rms += error * error / (double)(N * o->dim);
  }
  e.rms = sqrt(e.rms);
  fm_sampler_destroy(sampler), fm_model_destroy(model);
  return e;
}

START_TEST(training_reaches_the_exact_loss_and_map) {
  const oracle *o = &oracles[_i];
  fm_ctx *ctx = new_ctx(1);
  const bool small = quick() || IS_DOUBLE; /* double has nothing to add to what is known to a percent */
  const uint64_t steps = small ? 3 : 6000, rows = small ? 60 : 600000;
  fm_optimizer_options oo = {.struct_size = sizeof oo, .learning_rate = 4e-3, .n_steps = steps};
  fm_trainer_options to = {.struct_size = sizeof to, .batch = small ? 50 : 256, .seed = o->seed};
  fm_net_options no = o->net;
  no.struct_size = sizeof no;
  source train = {o, 0}, held_out = {o, UINT64_C(1) << 60};
  fm_path *path;
  fm_net *net;
  fm_optimizer *optimizer;
  fm_trainer *trainer;
  fm_data *data, *test;
  OK(fm_path_create(ctx, o->path, &path));
  OK(fm_net_create(ctx, o->dim, NULL, 0, 0, &no, &net));
  OK(fm_optimizer_create(ctx, &oo, &optimizer));
  OK(fm_trainer_create(ctx, net, path, NULL, NULL, NULL, optimizer, NULL, &to,
                       &trainer)); /* data's own units */
  OK(fm_data_create_pull(ctx, pull, &train, o->dim, 0, 0, 0, &data));
  OK(fm_data_create_pull(ctx, pull, &held_out, o->dim, 0, 0, 0, &test));
  double exact = 0, loss;
  for (size_t j = 0; j < o->dim; j++) exact += irreducible(ctx, path, o->s[j]) / (double)o->dim;
  if (o->path == FM_PATH_CONDOT) CLOSE(exact, (o->s[0] + o->s[o->dim - 1]) / 2 * PI / 2, 1e-9);
  if (o->path == FM_PATH_COSINE) CLOSE(exact, o->s[0] * PI * PI / 4, 1e-9);
  OK(fm_trainer_run(ctx, trainer, data, 0));
  OK(fm_trainer_evaluate(ctx, trainer, test, 12345, rows, &loss));
  const map_error map = error_of_map(ctx, o, trainer);
  if (!small) {
    /* A row's loss has a deviation of about twice its mean: these rows know the mean to 0.25 %. */
    ck_assert_msg(fabs(loss / exact - 1) < 0.01, "%s: loss %.5f, exactly %.5f", o->what, loss, exact);
    /* What a million and a half noisy rows say about the flow: a percent on the whole, less in the tails. */
    ck_assert_msg(map.rms < 0.02, "%s: rows end %.4f deviations from where they belong", o->what, map.rms);
    ck_assert_msg(map.worst < 0.06, "%s: a row ends %.4f deviations from where it belongs", o->what,
                  map.worst);
  }
  ck_assert(isfinite(loss) && isfinite(map.worst));
  fm_trainer_destroy(trainer), fm_optimizer_destroy(optimizer), fm_net_destroy(net), fm_path_destroy(path);
  fm_data_destroy(data), fm_data_destroy(test);
  fm_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  Suite *suite;
  TCase *tcase = new_case(&suite, "train_oracle");
  tcase_add_loop_test(tcase, training_reaches_the_exact_loss_and_map, 0, FMI_COUNT(oracles));
  return run_suite(suite);
}
