/* couple.c - the list of couplings, and the handle: what a batch's pairing needs, in one block. */
#include "couple/couple.h"

#include <math.h>

#define FMI_COUPLING(x) extern const fmi_coupling_kind fmi_coupling_##x;
#include "couple/couple_list.def"
#undef FMI_COUPLING

static const fmi_coupling_kind *const kinds[] = {
#define FMI_COUPLING(x) &fmi_coupling_##x,
#include "couple/couple_list.def"
#undef FMI_COUPLING
};

const fmi_coupling_kind *fmi_coupling_kind_by_kind(uint32_t kind) {
  for (size_t i = 0; i < FMI_COUNT(kinds); i++)
    if (kinds[i]->kind == kind) return kinds[i];
  return NULL;
}

/* ---- options --------------------------------------------------------------------------------------- */

static fm_status check(const fm_coupling_options *o, const char *name, fmi_error *err) {
  const struct {
    const char *name;
    double value, most;
    bool has_none;
  } fields[] = {{"regularisation", o->regularisation, 1e30, false},
                {"relative_regularisation", o->relative_regularisation, 1e6, false},
                {"relaxation", o->relaxation, 1e30, false},
                {"tolerance", o->tolerance, 1, false},
                {"class_weight", o->class_weight, 1e30, true},
                {"condition_weight", o->condition_weight, 1e30, true},
                {"bridge_width", o->bridge_width, 10, false}};
  for (size_t i = 0; i < FMI_COUNT(fields); i++)
    if (!(fields[i].value <= fields[i].most && (fields[i].value >= 0 || fields[i].has_none)))
      return fmi_fail(err, FM_E_INVALID, "%s%s: expected 0 to %g, found %g", name, fields[i].name,
                      fields[i].most, fields[i].value);
  if (o->regularisation > 0 && o->relative_regularisation > 0)
    return fmi_fail(err, FM_E_INVALID,
                    "%srelative_regularisation: expected 0 beside a regularisation, found %g", name,
                    o->relative_regularisation);
  return FM_OK;
}

static double or_default(double value, double if_zero) {
  return value == 0 ? if_zero : value < 0 ? 0 : value;
}

/* Numbers of another kind are mistakes: found now, not after a training without them. */
static fm_status check_use(const fm_coupling_options *o, const fmi_coupling_kind *kind, const char *name,
                           fmi_error *err) {
  const bool reg = kind->kind == FM_COUPLING_SINKHORN || kind->kind == FM_COUPLING_UNBALANCED;
  const struct {
    const char *name;
    bool set, used;
  } fields[] = {{"max_iterations", o->max_iterations != 0, kind->entropic},
                {"regularisation", o->regularisation != 0, reg},
                {"relative_regularisation", o->relative_regularisation != 0, reg},
                {"relaxation", o->relaxation != 0, kind->kind == FM_COUPLING_UNBALANCED},
                {"tolerance", o->tolerance != 0, kind->entropic},
                {"class_weight", o->class_weight != 0, kind->costs},
                {"condition_weight", o->condition_weight != 0, kind->costs},
                {"bridge_width", o->bridge_width != 0, kind->kind == FM_COUPLING_BRIDGE},
                {"cost", o->cost != NULL, kind->costs}};
  for (size_t i = 0; i < FMI_COUNT(fields); i++)
    if (fields[i].set && !fields[i].used)
      return fmi_fail(err, FM_E_INVALID, "%s%s: expected 0, since the coupling %s doesn't use it", name,
                      fields[i].name, kind->name);
  return FM_OK;
}

static fm_status fill_options(fm_coupling_options *o, const fmi_coupling_kind *kind, const char *name,
                              fmi_error *err) {
  FMI_TRY(check_use(o, kind, name, err));
  FMI_TRY(check(o, name, err));
  if (o->max_iterations == 0) o->max_iterations = 1000;
  if (o->regularisation == 0) o->relative_regularisation = or_default(o->relative_regularisation, 0.05);
  o->tolerance = or_default(o->tolerance, 1e-6);
  o->class_weight = or_default(o->class_weight, 1e6);
  o->condition_weight = or_default(o->condition_weight, 100);
  o->bridge_width = or_default(o->bridge_width, 0.5);
  return FM_OK;
}

/* ---- the handle ------------------------------------------------------------------------------------ */

static void destroy(void *self) {
  fm_coupling *c = self;
  fmi_free(c->object.memory, c->block);
  fmi_object_free(c);
}

static void carve(fm_coupling *c, bool own_rows, fmi_arena *a) {
  const size_t n = c->most, cells = fmi_mul_size(n, c->dim);
  if (own_rows) {
    c->x0 = fmi_arena_take(a, cells, sizeof *c->x0);
    c->x1 = fmi_arena_take(a, cells, sizeof *c->x1);
    c->cond = fmi_arena_take(a, fmi_mul_size(n, c->cond_dim), sizeof *c->cond);
  }
  c->x0_index = fmi_arena_take(a, n, sizeof *c->x0_index);
  c->x1_index = fmi_arena_take(a, n, sizeof *c->x1_index);
  if (!c->kind->costs) return;
  c->columns = fmi_arena_take(a, cells, sizeof *c->columns);
  c->cost = fmi_arena_take(a, fmi_mul_size(n, n), sizeof *c->cost);
  double **by_row[] = {&c->f, &c->g, &c->row_sum, &c->row_least};
  for (size_t i = 0; i < FMI_COUNT(by_row); i++) *by_row[i] = fmi_arena_take(a, n, sizeof(double));
  if (c->kind->entropic) {
    c->kernel = fmi_arena_take(a, fmi_mul_size(n, n), sizeof *c->kernel);
    double **scalings[] = {&c->u, &c->v, &c->new_u, &c->sum};
    for (size_t i = 0; i < FMI_COUNT(scalings); i++) *scalings[i] = fmi_arena_take(a, n, sizeof(double));
    return;
  }
  c->sample = fmi_arena_take(a, fmi_coupling_sample_count(n), sizeof *c->sample);
  c->from = fmi_arena_take(a, n, sizeof *c->from);
  double **by_column[] = {&c->distance, &c->open, &c->at};
  for (size_t i = 0; i < FMI_COUNT(by_column); i++) *by_column[i] = fmi_arena_take(a, n, sizeof(double));
  uint32_t **partners[] = {&c->row_of, &c->column_of, &c->scanned};
  for (size_t i = 0; i < FMI_COUNT(partners); i++) *partners[i] = fmi_arena_take(a, n, sizeof(uint32_t));
}

fm_coupling *fmi_coupling_new(fmi_memory *memory, size_t n, size_t dim, size_t n_class_columns,
                              size_t cond_dim, const fm_coupling_options *options, bool own_rows,
                              const char *name, fmi_error *err) {
  const fmi_coupling_kind *kind = fmi_coupling_kind_by_kind(options->kind);
  fm_coupling_options filled = *options;
  if (kind == NULL) {
    fmi_fail(err, FM_E_UNSUPPORTED, "%s%s: expected a FM_COUPLING_ constant, found %u", name,
             own_rows ? "kind" : "", (unsigned)options->kind);
    return NULL;
  }
  if (fill_options(&filled, kind, name, err) != FM_OK) return NULL;
  fm_coupling *c = fmi_object_create(memory, sizeof *c, destroy, err);
  if (c == NULL) return NULL;
  c->kind = kind;
  c->options = filled;
  c->most = n;
  c->dim = dim;
  c->n_class_columns = n_class_columns;
  c->cond_dim = cond_dim;
  fmi_arena arena = {NULL, 0};
  carve(c, own_rows, &arena);
  c->block = fmi_alloc(memory, 1, arena.used, err);
  if (c->block == NULL) {
    fmi_release(c);
    return NULL;
  }
  arena = (fmi_arena){c->block, 0};
  carve(c, own_rows, &arena);
  return c;
}

fm_status fmi_coupling_go_on(const fmi_batch_pair *batch, fmi_error *err) {
  return fmi_stop_heard(batch->stop) ? fmi_fail(err, FM_STOPPED, "stopped while rows were paired") : FM_OK;
}

fm_status fmi_coupling_pair(fm_coupling *c, const fmi_batch_pair *batch, fmi_error *err) {
  c->n = 0;
  c->stats = (fm_coupling_stats){.struct_size = sizeof c->stats, .mass = 1};
  if (c->kind->costs) FMI_TRY(fmi_coupling_costs(c, batch, err));
  const fm_status status = c->kind->pair(c, batch, err);
  if (status == FM_OK || status == FM_E_STEPS) c->n = batch->n;
  return status;
}

void fmi_coupling_plan(const fm_coupling *c, double *plan) {
  const size_t n = c->n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      plan[i * n + j] = c->kind->entropic ? c->u[i] * c->kernel[j * n + i] * c->v[j] : 0;
  if (c->kind->entropic) return;
  for (size_t k = 0; k < n; k++) plan[c->x0_index[k] * n + c->x1_index[k]] = 1 / (double)n;
}
