/* gate_quiet.c - with a threaded BLAS in the process, default contexts leave its threads asleep: no thread
   but the caller's uses CPU time during draws and training steps. Measured in a process of its own, because
   the environment decides how many threads a BLAS starts before main. */
#include "floor.h"
#include "gates.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_DRAWS 1000u
#define DRAW_ROWS 8u
#define N_STEPS 100u
#define MAX_THREADS 1024u

/* ---- CPU time by thread ---------------------------------------------------------------------------- */

/* Nanoseconds on a CPU so far: the first number of schedstat where the kernel has it, else clock ticks from
   stat (fields 14 and 15, counted after the parenthesis that ends the name). Negative: the thread is gone. */
static double thread_ns(const char *task) {
  char file[320], text[1024] = "";
  unsigned long long ns = 0, user = 0, system = 0;
  snprintf(file, sizeof file, "/proc/self/task/%s/schedstat", task);
  FILE *f = fopen(file, "r");
  if (f) {
    bool ok = fscanf(f, "%llu", &ns) == 1;
    fclose(f);
    if (ok) return (double)ns;
  }
  snprintf(file, sizeof file, "/proc/self/task/%s/stat", task);
  if (!(f = fopen(file, "r"))) return -1;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = 0;
  const char *rest = strrchr(text, ')');
  if (!rest ||
      sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
    return -1;
  return 1e9 * (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

typedef struct thread_times {
  size_t n;
  long id[MAX_THREADS];
  double ns[MAX_THREADS];
} thread_times;

/* Every thread but the first, which is the caller. */
static void read_others(thread_times *t) {
  t->n = 0;
  DIR *dir = opendir("/proc/self/task");
  if (!dir) return;
  for (struct dirent *entry; (entry = readdir(dir)) && t->n < MAX_THREADS;) {
    long id = isdigit((unsigned char)entry->d_name[0]) ? atol(entry->d_name) : 0;
    if (id == 0 || id == (long)getpid()) continue;
    double ns = thread_ns(entry->d_name);
    if (ns < 0) continue;
    t->id[t->n] = id;
    t->ns[t->n++] = ns;
  }
  closedir(dir);
}

static double total(const thread_times *t) {
  double sum = 0;
  for (size_t i = 0; i < t->n; i++) sum += t->ns[i];
  return sum;
}

/* What all used since `before`; a thread that wasn't there then counts in full. */
static double used_since(const thread_times *before, const thread_times *after) {
  double sum = 0;
  for (size_t i = 0; i < after->n; i++) {
    double start = 0;
    for (size_t j = 0; j < before->n; j++)
      if (before->id[j] == after->id[i]) start = before->ns[j];
    sum += after->ns[i] - start;
  }
  return sum;
}

/* Threads that a library started before main may spin a while before they sleep. */
static bool wait_until_asleep(thread_times *t) {
  for (int tries = 0; tries < 50; tries++) {
    read_others(t);
    double before = total(t);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    read_others(t);
    if (total(t) == before) return true;
  }
  return false;
}

/* ---- the child --------------------------------------------------------------------------------------- */

static void measure(gate_log *log, size_t times, const char *what, void (*run)(void *self), void *self) {
  static thread_times before, after;
  if (!wait_until_asleep(&before)) gate_note("the other threads did not fall asleep within 5 s");
  for (size_t i = 0; i < times; i++) run(self);
  read_others(&after);
  char text[128];
  snprintf(text, sizeof text, "%zu %s, %zu other threads (%.4g ns in all)", times, what, after.n,
           total(&after));
  gate_check(log, text, used_since(&before, &after), 0);
}

int gate_quiet_child(void) {
  gate_log log = {0};
  const bench_size *size = &bench_sizes[1];
  bench_sampling draws;
  bench_training steps;
  bench_sampling_create(&draws, NULL, size, DRAW_ROWS, 0);
  bench_training_create(&steps, NULL, size, true);
  if (bench_blas_get_threads() < 2) gate_note("the BLAS of this process has no threads of its own");
  measure(&log, N_DRAWS, "draws of 8 rows", bench_sampling_run, &draws);
  measure(&log, N_STEPS, "training steps", bench_training_run, &steps);
  bench_training_destroy(&steps);
  bench_sampling_destroy(&draws);
  return (int)log.n_failed;
}

/* ---- the parent -------------------------------------------------------------------------------------- */

static int run_child(const char *program) {
  static const char *const variables[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS",
                                          "BLIS_NUM_THREADS"};
  pid_t pid = fork();
  if (pid == 0) {
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
    execl("/proc/self/exe", program, GATE_QUIET_CHILD, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 127;
  return WEXITSTATUS(status);
}

void gate_quiet(gate_log *log, const char *program) {
  if (access("/proc/self/task", R_OK) != 0) {
    gate_note("this system doesn't tell threads' times: nothing checked");
    return;
  }
  int failed = run_child(program);
  log->n_failed += (size_t)failed;
  if (failed > 100) gate_note("the child process could not be run");
}
