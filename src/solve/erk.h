/* erk.h - what the explicit Runge-Kutta steppers share: tableaux, and a set of rows that are stepped
   together although each has its own time and step. */
#ifndef FMI_ERK_H
#define FMI_ERK_H

#include "solve/solve.h"

#define FMI_ERK_STAGES 7u /* the most that a tableau in tableaux.def has */

typedef struct fmi_tableau {
  const char *name;
  unsigned order;
  unsigned embedded_order; /* 0: no error estimate */
  unsigned stages;
  bool fsal; /* first same as last: the last stage is evaluated at the step's result */
  double c[FMI_ERK_STAGES];
  double a[FMI_ERK_STAGES][FMI_ERK_STAGES];
  double b[FMI_ERK_STAGES];
  double e[FMI_ERK_STAGES]; /* b - b_hat */
  double d[FMI_ERK_STAGES]; /* the fourth degree of the solution between a step's ends; 0: none */
} fmi_tableau;

#define FMI_TABLEAU(x, ...) extern const fmi_tableau fmi_tableau_##x;
#include "solve/tableaux.def"
#undef FMI_TABLEAU

extern const fmi_tableau *const fmi_tableaux[]; /* all of them, NULL at the end */

/* The rows of one solve. Rows still being solved stand in slots 0 .. active - 1, in the order of y; a row
   that is done leaves, so that rhs sees active rows only. "slot" and "row" say what an array is indexed by.
 */
typedef struct fmi_erk {
  const fmi_solve_job *job;
  const fmi_tableau *tableau;
  size_t active;
  uint64_t step;      /* number of the last trajectory call */
  size_t *row;        /* [n] slot: its row of y */
  uint64_t *row_id;   /* [n] slot: first_row + row, as rhs sees it */
  double *t;          /* [n] row: its time */
  size_t *next;       /* [n] row: which of job->times it comes to next */
  fm_row_stats *rows; /* [n] row: the caller's, or in the workspace */
  double *h;          /* [n] slot: the step being tried */
  double *t_next;     /* [n] slot: where it ends */
  double *t_stage;    /* [n] slot: the time of x */
  double *x;          /* [n][dim] slot: a stage's argument, then the step's result */
  double *k;          /* [stages, end included][n][dim] slot: the stages */
  double *between;    /* [dim] a state inside a step */
  bool long_step;     /* the step is Euler's, whatever the method */
  size_t failed_row;  /* the first row of y that ended early, if failed_status is not FM_OK */
  fm_status failed_status;
  double failed_t;
} fmi_erk;

/* Takes the arrays of n rows from an arena (base NULL: measures). */
void fmi_erk_carve(fmi_erk *s, fmi_arena *arena, const fmi_tableau *tableau, size_t n, size_t dim);
/* The stage that is the slope at a step's end: the last one, or one more that only output needs. */
static inline unsigned fmi_erk_end_stage(const fmi_tableau *t) { return t->fsal ? t->stages - 1 : t->stages; }
/* Starts the job with its rows at t0 and reports the start. Carve first. */
fm_status fmi_erk_begin(fmi_erk *s, const fmi_solve_job *job);
/* Asks the job's control whether to go on. */
fm_status fmi_erk_check(const fmi_erk *s);
/* Evaluates rhs at (t_stage, x) of the active rows into dxdt [active][dim]. */
fm_status fmi_erk_evaluate(fmi_erk *s, double *dxdt);
/* Evaluates stages from .. to - 1 of the step (h, t_next) of every slot. Stage 0 is at (t, y) itself. */
fm_status fmi_erk_stages(fmi_erk *s, unsigned from, unsigned to);
/* x = y + h sum_j w_j k_j for every slot, over the first `terms` stages. */
void fmi_erk_combine(fmi_erk *s, const double *w, unsigned terms);
/* out [active][dim] = sum_j w_j k_j over the first `terms` stages. */
void fmi_erk_weigh(const fmi_erk *s, const double *w, unsigned terms, double *out);
/* Takes a step: saves what was wanted up to t_next, copies x of a slot to y and moves its row to t_next.
   False, and the row stays, if x or a state saved is not finite. */
bool fmi_erk_accept(fmi_erk *s, size_t slot);
/* Counts a step that was refused. */
void fmi_erk_reject(fmi_erk *s, size_t slot);
/* Counts a row that ends early. Its slot must then be left out. */
void fmi_erk_fail(fmi_erk *s, size_t slot, fm_status status);
/* Moves a slot's row to a lower slot. x, k, h and the others are the steppers' to move. */
void fmi_erk_move(fmi_erk *s, size_t to, size_t from);
/* The same together with its first stage, which stage `from_stage` of the old slot is. */
void fmi_erk_keep(fmi_erk *s, size_t to, size_t from, unsigned from_stage);
/* The trajectory call of a step, with every row at its own time. */
fm_status fmi_erk_report(fmi_erk *s);
/* FM_DEADLINE: with stage 0 evaluated, carries every active row to t1 by one Euler step, and ends. */
fm_status fmi_erk_finish_by_euler(fmi_erk *s);
/* The status of the whole solve once every row has ended; `status` if no row failed. */
fm_status fmi_erk_end(fmi_erk *s, fm_status status);

/* Whether a time to be saved is inside a slot's step, its ends left out. */
bool fmi_erk_saves_inside(const fmi_erk *s, size_t slot);
/* Saves a slot's row at its times up to t_next: x at t_next itself, between by the method's interpolant, for
   which the end stage must be evaluated. False if one of them is not finite. */
bool fmi_erk_save(fmi_erk *s, size_t slot);
/* w [end stage + 1]: the state at t + theta h is y + h sum_i w_i k_i. */
void fmi_erk_dense_weights(const fmi_tableau *tableau, double theta, double *w);

bool fmi_erk_finite(const double *x, size_t n);
/* t + h, but not beyond `end` by rounding; h and end - t have the same sign. */
double fmi_erk_time(double t, double h, double end);

/* Fixed steps: the length and the end of step k, for every row. */
void fmi_erk_propose(fmi_erk *s, uint32_t k);
/* Evaluates the slope at the ends of the steps whose results are in x, where a time inside them is wanted: it
   is the first stage of the next step, so only the last step pays for it. */
fm_status fmi_erk_find_end_slopes(fmi_erk *s, bool *found);
/* Takes the step whose result is in x and reports it; rows that left the finite numbers stay where they were.
   The first stages of the next step are known if the slopes at the end of this one were found. */
fm_status fmi_erk_take_step(fmi_erk *s, bool found);

/* The results at t_next of DDIM's step from stage 0, evaluated: of the noise that rows have, `keep` stays, and
   what is missing is the job's diffusion's for step `number`. ends [2][dim] is scratch. */
fm_status fmi_ddim_step(fmi_erk *s, double t_next, double keep, uint32_t number, double *ends);
#endif
