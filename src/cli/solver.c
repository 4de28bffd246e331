/* solver.c - solvers by name, and grids of fixed steps. What there is to choose from the library says. */
#include "cli/solver.h"

#include <stdio.h>
#include <string.h>

#define MOST_METHODS 64

typedef struct methods {
  fm_solver_info info[MOST_METHODS];
  size_t n;
} methods;

static void list_methods(methods *m) {
  fm_ctx *ctx = NULL;
  m->n = 0;
  if (fm_ctx_create(NULL, &ctx) != FM_OK) return;
  for (; m->n < MOST_METHODS; m->n++) {
    fm_solver_info_init(&m->info[m->n]);
    if (fm_solver_method_info(ctx, m->n, &m->info[m->n]) != FM_OK) break;
  }
  fm_ctx_destroy(ctx);
}

void solver_help(void) {
  methods m;
  list_methods(&m);
  printf("\nSolvers, their order, and the evaluations of the network that a step takes:\n");
  for (size_t i = 0; i < m.n; i++)
    printf("  %-14s order %u, %u evaluation%s%s%s\n", m.info[i].name, (unsigned)m.info[i].order,
           (unsigned)m.info[i].evaluations, m.info[i].evaluations == 1 ? "" : "s",
           m.info[i].adaptive ? ", steps chosen for an accuracy" : "",
           m.info[i].method == FM_SOLVER_MEAN ? "; for models of train --objective mean-flow" : "");
}

static const char *method_name(const void *list, size_t i) { return ((const methods *)list)->info[i].name; }

static int unknown_method(const command *c, const char *name, const methods *m) {
  char names[512] = "auto";
  size_t used = strlen(names);
  for (size_t i = 0; i < m->n && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, ", %s", m->info[i].name);
  const char *nearest = args_nearest(name, method_name, m, m->n);
  if (nearest) return args_wrong(c, "--solver: '%s' is not a solver; did you mean %s?", name, nearest);
  return args_wrong(c, "--solver: '%s' is not one of %s", name, names);
}

/* uniform, edm, shifted or shifted:S. */
static int read_grid(const command *c, const char *text, fm_solver_options *options) {
  const char *number = strncmp(text, "shifted:", 8) == 0 ? text + 8 : NULL;
  if (strcmp(text, "uniform") == 0)
    options->grid = FM_GRID_UNIFORM;
  else if (strcmp(text, "edm") == 0)
    options->grid = FM_GRID_EDM;
  else if (number != NULL || strcmp(text, "shifted") == 0)
    options->grid = FM_GRID_SHIFTED;
  else
    return args_wrong(c, "--grid: '%s' is not one of uniform, shifted:S, edm", text);
  if (number != NULL && (!cli_parse_number(number, &options->grid_shift) || !(options->grid_shift >= 1e-6) ||
                         !(options->grid_shift <= 1e6)))
    return args_wrong(c, "--grid: '%s' in '%s' is not a number from 1e-6 to 1e6", number, text);
  return -1;
}

int solver_options_from(const command *c, const solver_words *words, fm_solver_options *options) {
  methods m;
  const fm_solver_info *found = NULL;
  const bool fixed = words->steps > 0 || words->grid != NULL, tolerance = words->rtol > 0 || words->atol > 0;
  const bool automatic = words->method == NULL || strcmp(words->method, "auto") == 0;
  const char *name = !automatic ? words->method : fixed ? "euler" : "dopri5";
  list_methods(&m);
  for (size_t i = 0; i < m.n; i++)
    if (strcmp(m.info[i].name, name) == 0) found = &m.info[i];
  if (found == NULL) return unknown_method(c, name, &m);
  if (tolerance && fixed)
    return args_wrong(
        c, "--rtol and --atol are for steps chosen for an accuracy, --steps and --grid for fixed ones");
  if (tolerance && !found->adaptive)
    return args_wrong(c, "--rtol and --atol are for steps chosen for an accuracy; %s takes fixed ones", name);
  fm_solver_options_init(options);
  options->method = automatic && !tolerance ? 0 : found->method;
  options->n_steps = (uint32_t)words->steps;
  options->rtol = words->rtol;
  options->atol = words->atol;
  options->fixed_steps = fixed;
  return words->grid ? read_grid(c, words->grid, options) : -1;
}

void solver_settle(const fm_model *model, bool own_steps, fm_solver_options *options) {
  if (options->method != 0 || !options->fixed_steps) return; /* the library knows what a model is for */
  options->method = own_steps && fm_net_n_times(fm_model_net(model)) == 2 ? FM_SOLVER_MEAN : FM_SOLVER_EULER;
}
