/* guidance.c - draws that are steered: by a weight, by a weaker model, by values that are known. */
#include "cli/guidance.h"
#include "cli/solver.h"

#include <math.h>
#include <string.h>

/* ---- words --------------------------------------------------------------------------------------------- */

static int read_interval(const command *c, const char *text, fm_guidance_options *o) {
  char *words = cli_copy_text(text), *colon = strchr(words, ':');
  if (colon) *colon = '\0';
  const bool ok = colon && cli_parse_number(words, &o->first) && cli_parse_number(colon + 1, &o->last) &&
                  o->first >= 0 && o->first < o->last && o->last <= 1;
  free(words);
  return ok ? -1
            : args_wrong(c, "--guidance-interval: '%s' is not like 0.2:0.8, two times from 0 to 1", text);
}

int guidance_options_from(const command *c, const guidance_words *w, fm_guidance_options *o) {
  static const uint64_t kinds[] = {FM_INPAINT_BOTH, FM_INPAINT_REPLACE, FM_INPAINT_GUIDE};
  fm_guidance_options_init(o);
  if ((w->interval || w->weaker) && w->weight == 0)
    return args_wrong(c, "--%s goes with --guidance W, which is missing",
                      w->weaker ? "weaker" : "guidance-interval");
  if ((w->mask || w->keep) && !w->known)
    return args_wrong(c, "--%s goes with --known FILE, which is missing", w->mask ? "mask" : "keep");
  o->weight = w->weight;
  o->inpainting = w->known ? kinds[w->keep] : 0;
  return w->interval ? read_interval(c, w->interval, o) : -1;
}

/* ---- what they name -------------------------------------------------------------------------------------- */

/* A row for all or for each, of the drawing's columns. */
static bool read_rows(const drawing *d, const char *file, table *t) {
  if (!table_read(file, true, t)) return false;
  bool ok = t->n_columns == d->dim || cli_fail(file, NULL, "%zu column%s, but the model has %zu",
                                               t->n_columns, S(t->n_columns), d->dim);
  ok = ok && (t->n_rows == 1 || t->n_rows == d->n ||
              cli_fail(file, "Give a row for all, or one for each.", "%zu rows, but %zu are drawn", t->n_rows,
                       d->n));
  if (!ok) table_free(t);
  return ok;
}

static bool check_mask(const char *file, const table *mask, bool soft) {
  for (size_t i = 0; i < mask->n_rows * mask->n_columns; i++) {
    const double m = mask->cells[i];
    if (!(m >= 0 && m <= 1))
      return cli_fail(file, NULL, "row %zu, column %zu: expected 0 to 1, found %g", i / mask->n_columns,
                      i % mask->n_columns, m);
    if (!soft && m != 0 && m != 1)
      return cli_fail(file, "Values between 0 and 1 are for --keep both or pull.", "row %zu, column %zu: %g",
                      i / mask->n_columns, i % mask->n_columns, m);
  }
  return true;
}

/* Known values and their mask in the network's columns: an indicator says of a known value that it is there. */
static void place_known(drawing *d, const table *known, const table *mask) {
  const size_t wide = d->dim + d->n_masked;
  d->known = cli_alloc(d->n * wide, sizeof *d->known);
  d->known_mask = cli_alloc(d->n * wide, sizeof *d->known_mask);
  for (size_t i = 0; i < d->n; i++) {
    double *value = d->known + i * wide;
    float *m = d->known_mask + i * wide;
    for (size_t j = 0; j < d->dim; j++) {
      value[j] = known->cells[(known->n_rows == 1 ? 0 : i) * d->dim + j];
      const double given = mask->cells ? mask->cells[(mask->n_rows == 1 ? 0 : i) * d->dim + j] : 1;
      m[j] = isnan(value[j]) ? 0 : (float)given;
    }
    for (size_t k = 0; k < d->n_masked; k++) {
      value[d->dim + k] = 0;
      m[d->dim + k] = m[d->masked[k]];
    }
  }
}

static bool read_known(drawing *d, const guidance_words *w) {
  table known = {0}, mask = {0};
  if (!w->known) return true;
  bool ok = read_rows(d, w->known, &known);
  if (ok && w->mask) ok = read_rows(d, w->mask, &mask) && check_mask(w->mask, &mask, w->keep != 1);
  if (ok) place_known(d, &known, &mask);
  table_free(&known);
  table_free(&mask);
  return ok;
}

/* Whether there is a velocity to guide away from. */
static bool check_null(const drawing *d, const guidance_words *w) {
  const fm_net *net = fm_model_net(d->model);
  const char *note = fm_model_note(d->model, "conditions");
  if (w->weight == 0 || w->weaker) return true;
  if (!d->labels && !d->cond && (fm_net_n_class_columns(net) > 0 || fm_net_cond_dim(net) > 0))
    return cli_fail(d->name, "Say with --label or --cond what to guide to.",
                    "without a condition there is nothing to guide to");
  if (fm_net_n_class_columns(net) == 0 && fm_net_cond_dim(net) == 0)
    return cli_fail(d->name, "Say with --weaker MODEL what to guide away from.",
                    "it was trained without labels and conditions: there is no unconditional velocity");
  if (note && strcmp(note, "required") == 0)
    return cli_fail(d->name, "Train it with --label-dropout, or say --weaker MODEL.",
                    "it was trained without label dropout and has no unconditional velocity");
  return true;
}

bool guidance_begin(drawing *d, const guidance_words *w, const fm_solver_options *solver,
                    const fm_sampler_options *how, const fm_guidance_options *options) {
  fm_guidance_options o = *options;
  fm_solver_options chosen = *solver;
  fm_model *weaker = NULL;
  fm_sampler *sampler = NULL;
  if (w->weight == 0 && !w->known) return true;
  bool ok = check_null(d, w) && read_known(d, w);
  if (ok && w->weaker) ok = cli_check(d->ctx, fm_model_load(d->ctx, w->weaker, &weaker), w->weaker, NULL);
  o.weaker = weaker;
  solver_settle(d->model, false, &chosen);
  if (ok) {
    const fm_status status = fm_sampler_create_guided(d->ctx, d->model, &chosen, how, &o, &sampler);
    ok = cli_check(d->ctx, status, weaker ? w->weaker : "the solver",
                   status == FM_E_MISMATCH ? "Train it on the same data, with the same --path and --seed."
                                           : NULL);
  }
  fm_model_destroy(weaker);
  if (!ok) return false;
  fm_sampler_destroy(d->sampler);
  d->sampler = sampler;
  return true;
}
