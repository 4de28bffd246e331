/* reflow.c - rounds of reflow, then distillation (Liu et al., "Flow Straight and Fast", ICLR 2023, algorithm
   1): the model of the round before is the teacher, whose flow makes the pairs that the next is trained on. */
#include "reflow/reflow.h"

#include <math.h>
#include <stdio.h>

/* Rows that straightness is measured on differ from those of the pairs. */
#define MEASURE_NOISE 0x2545f4914f6cdd1du

/* What the rounds share. */
typedef struct rounds {
  const fmi_runtime *rt;
  const fmi_reflow_job *job;
  fm_reflow_stats *stats;
  fm_optimizer *own_optimizer; /* where none was given */
  const fm_optimizer *optimizer;
  fm_model *teacher;
  fm_sampler *sampler; /* the teacher's */
  fmi_pool *pool;
  fmi_ends measured; /* [straightness_rows] */
  double *sums;      /* likewise */
  void *block;
  uint64_t round, n_rounds; /* with distillation */
  uint64_t distill_steps;   /* of this round; 0: it is one of reflow */
  double straightness;      /* of the teacher */
  int32_t answer;           /* of reflow_options.progress */
} rounds;

/* ---- the state of all rounds --------------------------------------------------------------------------- */

static void carve(rounds *r, fmi_arena *a) {
  const size_t n = (size_t)r->job->options.straightness_rows;
  r->measured = fmi_ends_take(a, r->job->model->net, n, false);
  r->sums = fmi_arena_take(a, n, sizeof *r->sums);
}

/* Pairs beyond those that a round's steps see would be generated for nothing. */
static size_t pool_size(const rounds *r) {
  const fm_trainer_options *t = &r->job->training;
  const size_t batch = t->batch ? (size_t)t->batch : 256, times = t->accumulate ? (size_t)t->accumulate : 1;
  const size_t seen = fmi_mul_size(fmi_mul_size(batch, times), (size_t)r->optimizer->options.n_steps);
  return fmi_min((size_t)r->job->options.pairs, seen);
}

static fm_status draw_measured(rounds *r, fmi_error *err) {
  const size_t all = (size_t)r->job->options.straightness_rows;
  for (size_t done = 0; done < all; done += FMI_POOL_BLOCK) {
    const fmi_ends e = fmi_ends_from(&r->measured, r->job->model->net, done);
    FMI_TRY(fmi_pool_draw_source(r->pool, r->job->model, r->job->training.seed ^ MEASURE_NOISE, done,
                                 fmi_min(FMI_POOL_BLOCK, all - done), &e, err));
  }
  return FM_OK;
}

static fm_status begin(rounds *r, fmi_error *err) {
  const fmi_reflow_job *job = r->job;
  r->optimizer = job->optimizer;
  if (r->optimizer == NULL)
    r->optimizer = r->own_optimizer =
        fmi_optimizer_new(r->rt->memory, &(fm_optimizer_options){.struct_size = 0}, err);
  if (r->optimizer == NULL) return FM_E_NOMEM;
  const double dropout = job->training.label_dropout;
  fmi_pool_options o = {.net = job->model->net,
                        .conditions = job->data,
                        .seed = job->training.seed,
                        .n = pool_size(r),
                        .null_share = dropout < 0    ? 0
                                      : dropout == 0 ? 0.1
                                                     : dropout};
  o.n_renewed = (size_t)ceil(job->options.renewal * (double)o.n);
  r->pool = fmi_pool_new(r->rt, &o, err);
  if (r->pool == NULL) return FM_E_NOMEM;
  fmi_arena arena = {NULL, 0};
  carve(r, &arena);
  r->block = fmi_alloc(r->rt->memory, 1, arena.used, err);
  if (r->block == NULL) return FM_E_NOMEM;
  arena = (fmi_arena){r->block, 0};
  carve(r, &arena);
  return draw_measured(r, err);
}

static void end(rounds *r) {
  fmi_release(r->own_optimizer);
  fmi_release(r->teacher);
  fmi_release(r->sampler);
  fmi_release(r->pool);
  fmi_free(r->rt->memory, r->block);
}

/* ---- a round ------------------------------------------------------------------------------------------- */

static fm_status tell(rounds *r, fm_reflow_progress *p) {
  const fm_reflow_options *o = &r->job->options;
  if (o->progress == NULL) return FM_OK;
  p->struct_size = sizeof *p;
  p->round = r->round;
  p->n_rounds = r->n_rounds;
  p->straightness = r->straightness;
  r->answer = o->progress(o->progress_user, p);
  return r->answer == 0 ? FM_OK : FM_E_CALLBACK;
}

static fm_status refused(const rounds *r, fmi_error *err) {
  return fmi_fail(err, FM_E_CALLBACK, "reflow_options.progress returned %d", (int)r->answer);
}

/* Takes over the model: from now on it makes the pairs. */
static fm_status set_teacher(rounds *r, fm_model *model, fmi_error *err) {
  fmi_release(r->sampler);
  fmi_release(r->teacher);
  r->teacher = model;
  r->sampler = NULL;
  fm_solver_options so = r->job->solver;
  fm_sampler_options o = {.struct_size = sizeof o};
  fmi_solve_config config;
  fmi_sampler_default_solver(model, &o, false, &so);
  FMI_TRY(fmi_solve_configure(&so, &config, err));
  r->pool->teacher = r->sampler = fmi_sampler_new(r->rt, model, &config, &o, NULL, err);
  if (r->sampler == NULL) return err->status;
  const fm_reflow_options *options = &r->job->options;
  return fmi_straightness(r->rt, r->sampler, &r->measured, (size_t)options->straightness_rows,
                          options->straightness_steps, r->sums, &r->straightness, err);
}

static fm_status fill_pool(rounds *r, fmi_error *err) {
  fmi_pool *p = r->pool;
  p->oldest = 0;
  for (size_t done = 0; done < p->n;) {
    const size_t now = fmi_min(FMI_POOL_BLOCK, p->n - done);
    if (fmi_runtime_stopped(r->rt))
      return fmi_fail(err, FM_STOPPED, "stopped after pair %zu of round %llu", done,
                      (unsigned long long)r->round);
    FMI_TRY(fmi_pool_generate(p, done, now, err));
    done += now;
    fm_reflow_progress progress = {.phase = FM_REFLOW_GENERATING, .done = done, .total = p->n};
    if (tell(r, &progress) != FM_OK) return refused(r, err);
  }
  return FM_OK;
}

static int32_t on_step(void *user, const fm_progress *p) {
  rounds *r = user;
  const fm_trainer_options *t = &r->job->training;
  fm_reflow_progress progress = {.phase = FM_REFLOW_TRAINING,
                                 .done = p->step,
                                 .total = p->n_steps,
                                 .loss = p->loss,
                                 .mean_loss = p->mean_loss};
  if (tell(r, &progress) != FM_OK) return 1;
  return t->progress ? t->progress(t->progress_user, p) : 0;
}

/* The times of k Euler steps. */
static int32_t step_times(void *user, const fm_time_request *request) {
  const double k = (double)((const rounds *)user)->distill_steps;
  for (uint64_t i = 0; i < request->n; i++) request->t[i] = floor(request->uniforms[2 * i] * k) / k;
  return 0;
}

/* Pairs come with their condition or without: the trainer drops none. */
static fm_trainer *new_trainer(rounds *r, fmi_error *err) {
  const fm_model *m = r->teacher;
  fm_trainer_options o = r->job->training;
  o.label_dropout = -1;
  o.publish_every = 0;
  o.n_snapshots = 2;
  o.progress = on_step;
  o.progress_user = r;
  if (r->distill_steps > 0) {
    o.time_sampling = o.loss_weight = 0;
    o.time_a = o.time_b = o.weight_a = 0;
    o.time = step_times;
    o.time_user = r;
    o.weight = NULL;
    o.weight_user = NULL;
  }
  /* The pool is normalised already. */
  const fmi_parts parts = {.net = m->net, .prior = m->prior, .prediction = m->prediction};
  fm_trainer *t = fmi_trainer_new(r->rt, &parts, r->optimizer, &o, err);
  fm_status status = t == NULL ? err->status : FM_OK;
  if (status == FM_OK && r->job->options.from_scratch)
    status = fmi_net_init(m->net, o.seed, t->params, err);
  else if (status == FM_OK)
    memcpy(t->params, m->ema, m->net->n_params * sizeof(real));
  if (status == FM_OK) {
    memcpy(t->ema, t->params, m->net->n_params * sizeof(real));
    status = fmi_trainer_pack(r->rt, t, t->params, t->packed, err);
  }
  if (status == FM_OK) return t;
  fmi_release(t);
  return NULL;
}

/* The trainer's weights in the model's own coordinates. */
static fm_model *new_model(const rounds *r, const fm_trainer *t, fmi_error *err) {
  const fm_model *old = r->teacher;
  const bool straight = old->path->schedule != NULL && old->path->schedule->kind == FM_PATH_CONDOT;
  fmi_parts parts = fmi_parts_of(old);
  if (!straight) parts.path = NULL;
  fm_model *m = fmi_model_new(r->rt->memory, &parts, err);
  if (m == NULL) return NULL;
  memcpy(m->params, t->params, m->net->n_params * sizeof(real));
  memcpy(m->ema, t->ema, m->net->n_params * sizeof(real));
  fmi_model_pack(m, r->rt->kernels);
  m->paired = true;
  m->train_steps = (r->job->options.from_scratch ? 0 : old->train_steps) + t->step;
  fm_status status = fmi_model_copy_notes(m, old, FMI_NOTE_EULER_STEPS, err);
  if (status == FM_OK && r->distill_steps > 0) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)r->distill_steps);
    status = fmi_model_add_note(m, FMI_NOTE_EULER_STEPS, text, err);
  }
  if (status == FM_OK) return m;
  fmi_release(m);
  return NULL;
}

/* *out is the round's model, or NULL if it has none. The trainer is made first, so that its options are found
   wrong before pairs are generated. */
static fm_status train(rounds *r, fm_model **out, fmi_error *err) {
  *out = NULL;
  fm_trainer *t = new_trainer(r, err);
  if (t == NULL) return err->status;
  fm_status status = fill_pool(r, err);
  if (status == FM_OK)
    status = fmi_trainer_run(r->rt, t, &r->pool->data, r->optimizer->options.n_steps, NULL, err);
  if (status == FM_E_CALLBACK && r->answer != 0) status = refused(r, err);
  r->stats->n_steps += t->step;
  if (t->step > 0) r->stats->loss = t->mean_loss;
  const bool usable = status == FM_OK || status == FM_STOPPED || status == FM_E_CALLBACK;
  if (usable && t->step > 0) {
    fmi_error failure = {.status = FM_OK};
    *out = new_model(r, t, &failure);
    if (*out == NULL) {
      *err = failure;
      status = failure.status;
    }
  }
  fmi_release(t);
  return status;
}

/* One model after the other; the last one is left as the teacher. */
static fm_status run(rounds *r, fmi_error *err) {
  const fm_reflow_options *o = &r->job->options;
  const uint64_t n_reflows = (uint64_t)o->rounds;
  r->n_rounds = n_reflows + (o->distill_steps > 0);
  fm_model *next = fmi_retain(r->job->model);
  for (;; r->round++) {
    if (r->round > n_reflows) { /* what is distilled is for steps, and isn't measured */
      fmi_release(r->teacher);
      r->teacher = next;
      return FM_OK;
    }
    FMI_TRY(set_teacher(r, next, err));
    r->stats->n_rounds = r->round;
    r->stats->straightness[r->round] = r->straightness;
    if (r->round == r->n_rounds) return FM_OK;
    r->distill_steps = r->round == n_reflows ? o->distill_steps : 0;
    fm_status status = train(r, &next, err);
    if (status != FM_OK && next != NULL) {
      fmi_release(r->teacher);
      r->teacher = next;
    }
    FMI_TRY(status);
  }
}

fm_status fmi_reflow(const fmi_runtime *rt, const fmi_reflow_job *job, fm_model **out, fm_reflow_stats *stats,
                     fmi_error *err) {
  rounds r = {.rt = rt, .job = job, .stats = stats};
  fm_status status = begin(&r, err);
  if (status == FM_OK) status = run(&r, err);
  if (r.pool != NULL) {
    stats->n_pairs = r.pool->next_row;
    stats->nfe = r.pool->nfe;
  }
  const bool usable = status == FM_OK || status == FM_STOPPED || status == FM_E_CALLBACK;
  if (usable && r.teacher != job->model) {
    *out = r.teacher;
    r.teacher = NULL;
  }
  end(&r);
  return status;
}
