/* solve.h - ODE solvers on any right-hand side; this part never sees a network. Rows are independent: each
   has its own time and, in adaptive methods, its own steps, so a neighbour never changes a row's bits. */
#ifndef FMI_SOLVE_H
#define FMI_SOLVE_H

#include "solve/grid.h"
#include "solve/step_control.h"

typedef struct fmi_rhs {
  /* Rows row[i] (index into y) at t[i], x[i][dim] -> dxdt[i][dim]. Any failure ends the solve, so what is not
     finite is left to the solver: a stage of a step that blows up may hand in a non-finite x. */
  fm_status (*fn)(void *user, size_t n, const uint64_t *row, const double *t, const double *x, double *dxdt,
                  fmi_error *err);
  void *user;
} fmi_rhs;

/* Asked between steps: FM_OK to go on; FM_DEADLINE to take one Euler step to the end; anything else ends. */
typedef struct fmi_solve_control {
  fm_status (*check)(void *user);
  void *user;
} fmi_solve_control;

/* What the right-hand side is a velocity of: a path's, whose data end x1 it tells. */
typedef struct fmi_x1_form {
  fm_status (*coefficients)(void *user, double t, double *alpha, double *sigma, fmi_error *err);
  /* x1 [dim] of a row at x with slope v. FM_E_DOMAIN: v doesn't tell it at this t. */
  fm_status (*x1)(void *user, double t, const double *x, const double *v, double *x1, fmi_error *err);
  void *user;
} fmi_x1_form;

/* The mean velocity u of rows from t[i] to t_next[i], as rhs otherwise. */
typedef struct fmi_mean_form {
  fm_status (*fn)(void *user, size_t n, const uint64_t *row, const double *t, const double *t_next,
                  const double *x, double *u, fmi_error *err);
  void *user;
} fmi_mean_form;

/* What makes a stochastic equation of rhs: dx = (rhs + g^2 / 2 score) dt + g dW. */
typedef struct fmi_diffusion {
  fm_status (*g)(void *user, double t, double *g, fmi_error *err);
  /* dxdt [n][dim], rhs at (t, x), becomes dxdt + half_g2 score(t, x). Asked only where g is not 0. */
  fm_status (*add_score)(void *user, size_t n, const double *t, const double *x, double half_g2, double *dxdt,
                         fmi_error *err);
  /* Standard normals of a row (an index as rhs sees it) and a step, the same whenever asked: out [dim]. */
  void (*noise)(void *user, uint64_t row, uint64_t step, double *out);
  /* Instead of g and the score, or NULL: Euler's step from t to t_next goes to *beyond, and *keep of the
     result with *size of noise is the state at t_next. */
  fm_status (*overshoot)(void *user, double t, double t_next, double *beyond, double *keep, double *size,
                         fmi_error *err);
  void *user;
} fmi_diffusion;

typedef struct fmi_method fmi_method;

/* The caller's options with defaults filled in and checked. */
typedef struct fmi_solve_config {
  const fmi_method *method;
  fmi_grid grid; /* of fixed steps */
  bool own_grid; /* grid.own is to be given storage: fmi_grid_keep_in */
  double rtol, atol, first_step;
  uint64_t max_steps;
  fmi_norm_fn norm;
  fmi_step_rule rule;
} fmi_solve_config;

/* Takes the state of a row (an index into y, plus first_row) at times[k]. */
typedef void (*fmi_save_fn)(void *user, size_t row, size_t k, const double *x);

/* One solve. A method gets it with n >= 1, dim >= 1 and stats not NULL. */
typedef struct fmi_solve_job {
  const fmi_solve_config *config;
  const fmi_rhs *rhs;
  const fmi_solve_control *control; /* or NULL */
  const fmi_diffusion
      *diffusion;             /* or NULL; else the method is one that fmi_sde_has, and there are no times */
  const fmi_x1_form *x1_form; /* for methods that need a path; else it may be NULL */
  const fmi_mean_form *mean_form; /* for the method that needs it; else it may be NULL */
  double t0, t1;
  size_t first_row, n, dim;
  double *y; /* [n][dim] */
  void *workspace;
  fm_trajectory_fn trajectory; /* or NULL */
  void *trajectory_user;
  const double *times; /* [n_times] from t0 to t1, both left out of what is saved; NULL if n_times is 0 */
  size_t n_times;
  fmi_save_fn save; /* called once for each time that a row passes or reaches */
  void *save_user;
  fm_row_stats *rows;    /* [n] out, or NULL */
  fm_solve_stats *stats; /* or NULL; is added to */
  fmi_error *err;
} fmi_solve_job;

/* What a stepper is: a const in its file, beside its two functions. */
typedef struct fmi_stepper {
  bool multistep;  /* a step is one evaluation, whatever its order */
  bool needs_path; /* the job must have an x1_form */
  bool needs_mean; /* the job must have a mean_form, and goes forward */
} fmi_stepper;

/* A method: one line in solver_list.def, which names a stepper (one file, whose functions and const it
   declares) and a tableau (one block in tableaux.def): the method's, or what starts a multistep method. */
struct fmi_method {
  uint32_t kind;
  const char *name;                                                          /* in messages: "euler" */
  size_t (*workspace)(const fmi_solve_config *config, size_t n, size_t dim); /* bytes; SIZE_MAX: too large */
  fm_status (*solve)(const fmi_solve_job *job);
  const fmi_stepper *stepper;
  const struct fmi_tableau *tableau; /* of the method's order */
};

#define FMI_METHOD(kind, name, stepper, tableau)                                                             \
  extern const fmi_stepper fmi_##stepper;                                                                    \
  size_t fmi_##stepper##_workspace(const fmi_solve_config *config, size_t n, size_t dim);                    \
  fm_status fmi_##stepper##_solve(const fmi_solve_job *job);
#include "solve/solver_list.def"
#undef FMI_METHOD

const fmi_method *fmi_method_by_kind(uint32_t kind); /* NULL: unknown */
const fmi_method *fmi_method_at(size_t index);       /* NULL: past the last */
/* Whether it is for models alone, not for any right-hand side. */
bool fmi_method_needs_model(const fmi_method *method);
/* Whether it chooses its steps by itself. */
bool fmi_method_is_adaptive(const fmi_method *method);
void fmi_method_describe(const fmi_method *method, fm_solver_info *info);
/* options may be NULL. Errors name the field: "solver_options.rtol: expected ..., found ...". */
fm_status fmi_solve_configure(const fm_solver_options *options, fmi_solve_config *config, fmi_error *err);

/* Whether it has a stochastic form, which is run instead where a job has a diffusion. */
bool fmi_sde_has(const fmi_method *method);
fm_status fmi_sde_solve(const fmi_solve_job *job);

/* Solves a job's n rows in place. rhs rows, trajectory rows and saved rows are first_row + index. workspace
   is 64-byte aligned, of config->method->workspace(config, n, dim) bytes or what that gives for a larger n.

   A row that fails (FM_E_STEPS, FM_E_NONFINITE) keeps its state so far while the others go on; the call
   then returns the status of the first such row in y, and names it. FM_DEADLINE: every row is at t1, some by
   one long step. On other failures (of rhs, trajectory or control) every row has the state of its last step.
 */
fm_status fmi_solve_job_run(const fmi_solve_job *job);
/* The same without what has come since. */
fm_status fmi_solve(const fmi_solve_config *config, const fmi_rhs *rhs, const fmi_solve_control *control,
                    double t0, double t1, size_t first_row, size_t n, size_t dim, double *y, void *workspace,
                    fm_trajectory_fn trajectory, void *trajectory_user, fm_solve_stats *stats,
                    fmi_error *err);
/* Rows that did not come to t1, for no reason of their own, get the status of the call that ended. rows may
   be NULL. */
void fmi_row_stats_end(fm_row_stats *rows, size_t n, double t1, fm_status status);
/* Checks the times of a solve: at least two, finite, rising or falling throughout. */
fm_status fmi_check_times(const double *times, size_t n_times, fmi_error *err);
#endif
