/* models.c - training by a recipe, rows through a model, and the metrics. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAY_EVERY 20. /* seconds */

tables_recipe tables_recipe_of(const char *path, uint32_t activation, uint32_t width, uint32_t layers,
                               uint64_t batch, double rate, uint64_t n_steps) {
  tables_recipe r = {.path = path};
  fm_net_options_init(&r.net);
  r.net.kind = FM_NET_MLP;
  r.net.activation = activation;
  r.net.width = width;
  r.net.depth = layers;
  r.net.time_features = -1;
  fm_optimizer_options_init(&r.optimizer);
  r.optimizer.schedule = FM_SCHEDULE_CONSTANT;
  r.optimizer.learning_rate = rate;
  r.optimizer.clip_norm = -1;
  r.optimizer.warmup_steps = -1;
  r.optimizer.n_steps = n_steps;
  fm_trainer_options_init(&r.trainer);
  r.trainer.batch = batch;
  r.trainer.label_dropout = -1;
  return r;
}

typedef struct watch {
  const tables_run *run;
  const char *what;
  double said;
} watch;

static int32_t say_progress(void *user, const fm_progress *p) {
  watch *w = user;
  if (tables_seconds() - w->said < SAY_EVERY) return 0;
  w->said = tables_seconds();
  tables_say(w->run, "%s: step %llu of %llu, loss %.4f", w->what, (unsigned long long)p->step,
             (unsigned long long)p->n_steps, p->mean_loss);
  return 0;
}

fm_model *tables_train(const tables_run *run, const tables_recipe *recipe, const fm_data *data, uint64_t seed,
                       const char *what) {
  fm_path *path = NULL;
  fm_net *net = NULL;
  fm_optimizer *optimizer = NULL;
  fm_trainer *trainer = NULL;
  fm_model *model = NULL;
  watch w = {run, what, tables_seconds()};
  double began = w.said;
  fm_optimizer_options o = recipe->optimizer;
  fm_trainer_options t = recipe->trainer;
  o.n_steps = tables_steps(run, o.n_steps);
  t.seed = seed;
  t.progress = say_progress;
  t.progress_user = &w;
  TABLES_OK(run->ctx, fm_path_create_named(run->ctx, recipe->path, &path));
  TABLES_OK(run->ctx,
            fm_net_create(run->ctx, 2, recipe->n_classes, recipe->n_classes != NULL, 0, &recipe->net, &net));
  TABLES_OK(run->ctx, fm_optimizer_create(run->ctx, &o, &optimizer));
  TABLES_OK(run->ctx,
            fm_trainer_create(run->ctx, net, path, recipe->prior, NULL, NULL, optimizer, NULL, &t, &trainer));
  TABLES_OK(run->ctx, fm_trainer_run(run->ctx, trainer, data, 0));
  TABLES_OK(run->ctx, fm_trainer_model(run->ctx, trainer, &model));
  tables_say(run, "%s: %llu steps in %.0f s", what, (unsigned long long)o.n_steps, tables_seconds() - began);
  fm_trainer_destroy(trainer);
  fm_optimizer_destroy(optimizer);
  fm_net_destroy(net);
  fm_path_destroy(path);
  return model;
}

/* ---- rows through a model ---------------------------------------------------------------------------- */

/* Euler's steps are h v, so their lengths tell the energy. */
typedef struct energy_sum {
  double *last, *t; /* [n][2], [n]: the state before the step */
  double sum;
} energy_sum;

static int32_t add_energy(void *user, const fm_trajectory *step) {
  energy_sum *e = user;
  for (size_t i = 0; i < step->n; i++) {
    size_t row = (size_t)step->first_row + i;
    double *last = e->last + 2 * row, dx = step->x[2 * i] - last[0], dy = step->x[2 * i + 1] - last[1];
    if (step->step > 0) e->sum += (dx * dx + dy * dy) / (step->t[i] - e->t[row]);
    memcpy(last, step->x + 2 * i, 2 * sizeof *last);
    e->t[row] = step->t[i];
  }
  return 0;
}

void tables_carry(const tables_run *run, const fm_model *model, tables_way way, const int32_t *labels,
                  const double *x, size_t n, double *out, double *energy, uint64_t *nfe) {
  fm_sampler *sampler = NULL;
  fm_solver_options o;
  fm_solve_stats stats;
  energy_sum e = {0};
  fm_solver_options_init(&o);
  fm_solve_stats_init(&stats);
  o.method = way.method;
  o.n_steps = way.n_steps;
  o.rtol = o.atol = way.tolerance;
  TABLES_OK(run->ctx, fm_sampler_create(run->ctx, model, &o, NULL, &sampler));
  memmove(out, x, 2 * n * sizeof *out);
  if (energy) {
    e.last = tables_alloc(2 * n, sizeof *e.last);
    e.t = tables_alloc(n, sizeof *e.t);
  }
  TABLES_OK(run->ctx, fm_sampler_transport(run->ctx, sampler, 0, 1, labels, NULL, n, out,
                                           energy ? add_energy : NULL, &e, &stats));
  if (energy) *energy = e.sum / (double)n;
  if (nfe) *nfe = stats.max_nfe;
  free(e.last);
  free(e.t);
  fm_sampler_destroy(sampler);
}

/* ---- metrics ----------------------------------------------------------------------------------------- */

double tables_w2_squared(const tables_run *run, const double *a, const double *b, size_t n) {
  fm_eval_options o;
  fm_eval_result r;
  fm_eval_options_init(&o);
  fm_eval_result_init(&r);
  o.floor_draws = -1; /* floors are between sets that the tables draw */
  TABLES_OK(run->ctx, fm_eval_compare(run->ctx, FM_METRIC_W2, a, n, b, n, 2, NULL, 0, &o, &r));
  return r.value * r.value;
}

double tables_mean_square(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < 2 * n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / (double)n;
}
