/* paths.c - the states of samples on their way from the source, in two columns. */
#include "cli/paths.h"

#include <math.h>
#include <string.h>

#define MOST_CELLS (1u << 22) /* of a block's states */

/* A sampler that draws the source's rows: where all weights are 0, so is the velocity, and a sample stays
   where it began. The same seed begins at the same rows. */
static bool source_sampler(const drawing *d, fm_sampler **out) {
  const fm_net *net = fm_model_net(d->model);
  fm_model *still = NULL;
  fm_solver_options solver;
  fm_solver_options_init(&solver);
  solver.method = FM_SOLVER_EULER;
  solver.n_steps = 1;
  float *zeros = cli_alloc(fm_net_n_params(net), sizeof *zeros);
  fm_status status = fm_model_create(d->ctx, net, zeros, NULL, fm_model_path(d->model),
                                     fm_model_prior(d->model), fm_model_normaliser(d->model), NULL, &still);
  if (status == FM_OK) status = fm_sampler_create(d->ctx, still, &solver, NULL, out);
  fm_model_destroy(still);
  free(zeros);
  return cli_check(d->ctx, status, "the source", NULL);
}

/* The two most spread of rows [n][dim], the first of them first. */
static void choose_columns(const double *rows, size_t n, size_t dim, size_t n_columns, size_t columns[2]) {
  double most[2] = {-1, -1};
  columns[0] = columns[1] = 0;
  for (size_t j = 0; j < n_columns; j++) {
    double mean = 0, squares = 0; /* Welford */
    for (size_t i = 0; i < n; i++) {
      double value = rows[i * dim + j], apart = value - mean;
      mean += apart / (double)(i + 1);
      squares += apart * (value - mean);
    }
    if (squares > most[0]) {
      most[1] = most[0];
      columns[1] = columns[0];
      most[0] = squares;
      columns[0] = j;
    } else if (squares > most[1]) {
      most[1] = squares;
      columns[1] = j;
    }
  }
  if (columns[0] < columns[1]) return;
  size_t later = columns[0];
  columns[0] = columns[1];
  columns[1] = later;
}

/* The two columns of a block's states [n_times][n][dim] to their place among all. */
static void keep(const paths *p, const drawing *d, size_t dim, const double *times, size_t n_times,
                 size_t first, size_t n, const double *states) {
  for (size_t k = 0; k < n_times; k++)
    for (size_t i = 0; i < n; i++) {
      const double *row = states + (k * n + i) * dim;
      double *xy = p->xy + (k * d->n + first + i) * 2;
      xy[0] = d->dim > 1 ? row[p->columns[0]] : times[k];
      xy[1] = row[p->columns[1]];
    }
}

static fm_status carry_block(drawing *d, fm_sampler *source, const double *times, size_t n_times,
                             size_t first, size_t n, double *states) {
  fm_status status =
      fm_sampler_draw_f64(d->ctx, source, d->seed, d->first_row + first, NULL, NULL, n, states);
  return status == FM_OK ? drawing_carry(d, times, n_times, first, n, states, states, NULL) : status;
}

static int draw_all(drawing *d, fm_sampler *source, const double *times, size_t n_times, bool choose,
                    paths *p) {
  size_t dim = fm_net_dim(fm_model_net(d->model)), block = MOST_CELLS / (n_times * dim) + 64;
  if (block > d->n) block = d->n;
  double *states = cli_alloc(n_times * block * dim, sizeof *states);
  int code = EXIT_SUCCESS;
  for (size_t first = 0, n; first < d->n && code == EXIT_SUCCESS; first += n) {
    n = d->n - first < block ? d->n - first : block;
    if (n > drawing_block(d)) n = drawing_block(d);
    fm_status status = carry_block(d, source, times, n_times, first, n, states);
    if (status != FM_OK) progress_break(&d->progress);
    if (status == FM_STOPPED)
      code = EXIT_INTERRUPTED;
    else if (!cli_check(d->ctx, status, "sampling", "Another --solver, or --steps, may get there."))
      code = EXIT_FAILURE;
    if (code != EXIT_SUCCESS) break;
    if (first == 0 && choose) choose_columns(states + (n_times - 1) * n * dim, n, dim, d->dim, p->columns);
    keep(p, d, dim, times, n_times, first, n, states);
    progress_show(&d->progress, first + n, NAN);
  }
  free(states);
  return code;
}

int paths_draw(drawing *d, const double *times, size_t n_times, const size_t *columns, paths *out) {
  fm_sampler *source = NULL;
  paths p = {.columns = {columns ? columns[0] : 0, columns ? columns[1] : 0}};
  if (!source_sampler(d, &source)) return EXIT_FAILURE;
  p.xy = cli_alloc(n_times * d->n * 2, sizeof *p.xy);
  int code = draw_all(d, source, times, n_times, columns == NULL, &p);
  fm_sampler_destroy(source);
  if (code == EXIT_SUCCESS)
    *out = p;
  else
    paths_free(&p);
  return code;
}

void paths_free(paths *p) {
  free(p->xy);
  p->xy = NULL;
}
