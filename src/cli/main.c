/* main.c - the flowmatch program: train, sample and look into flow matching models. */
#include "cli/args.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const command *const commands[] = {&train_command, &sample_command, &plot_command,   &encode_command,
                                          &logp_command,  &eval_command,   &reflow_command, &info_command};
static const command *const about_the_program[] = {&completion_command, &manual_command};

const command *command_at(size_t i) {
  if (i < COUNT(commands)) return commands[i];
  return i - COUNT(commands) < COUNT(about_the_program) ? about_the_program[i - COUNT(commands)] : NULL;
}

const char program_description[] =
    "flowmatch learns from examples, the rows of a table or pictures, and draws new\n"
    "ones like them. `train` makes a model of a file of rows, `sample` draws as many\n"
    "rows from it as you ask for, and writes them as a table or as a picture; `plot`\n"
    "shows what a model has learned, `encode` carries rows back to the noise, `logp`\n"
    "says how likely they are, `eval` how near drawn rows are to true ones, and `reflow`\n"
    "makes of a model one for few steps.\n";

const char program_examples[] =
    "  flowmatch train pictures.npy --labels classes.csv -o pictures.safetensors\n"
    "  flowmatch sample pictures.safetensors -n 1000 --label 2 -o new.npy\n"
    "  flowmatch sample pictures.safetensors -n 100 --label each -o sheet.png\n";

static void print_help(void) {
  printf("usage: flowmatch COMMAND ...\n\n%s\n", program_description);
  printf("From pictures [n][28][28], with a class for each, to a model; then new ones of\n"
         "class 2; then a sheet to look at, with pictures of every class:\n%s\n"
         "A table goes the same way: rows.csv in, and out comes new.csv or, from two\n"
         "columns, a new.png of points. --labels can be left out.\n\nCommands:\n",
         program_examples);
  for (size_t i = 0; command_at(i); i++) printf("  %-12s%s\n", command_at(i)->name, command_at(i)->summary);
  fputs("\n"
        "  flowmatch help COMMAND  explains a command with examples, as COMMAND --help does\n"
        "  flowmatch --version     says what this is built on\n"
        "\n"
        "Options may stand in a file: --config FILE. --print-config writes one.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n",
        stdout);
}

static int print_version(void) {
  static const char *const isa_names[] = {"automatic", "portable C", "AVX2"};
  fm_ctx_info info;
  fm_ctx *ctx = cli_context(0);
  if (!ctx) return EXIT_FAILURE;
  fm_ctx_info_init(&info);
  printf("flowmatch %s\n", fm_version_string());
  if (cli_check(ctx, fm_ctx_get_info(ctx, &info), "version", NULL)) {
    printf("  kernels   %s\n", info.isa < COUNT(isa_names) ? isa_names[info.isa] : "other");
    printf("  BLAS      %s\n", info.blas_name);
    printf("  threads   %u\n", (unsigned)info.n_threads);
  }
  fm_ctx_destroy(ctx);
  return EXIT_SUCCESS;
}

static const char *command_name(const void *list, size_t i) {
  (void)list;
  return command_at(i)->name;
}

static const command *find_command(const char *name) {
  size_t n = 0;
  for (; command_at(n); n++)
    if (strcmp(name, command_at(n)->name) == 0) return command_at(n);
  const char *nearest = args_nearest(name, command_name, NULL, n);
  fprintf(stderr, "flowmatch: no command '%s'", name);
  if (nearest) fprintf(stderr, "; did you mean '%s'?", nearest);
  fputs("\n  flowmatch --help lists the commands.\n", stderr);
  return NULL;
}

static int help_on(const char *name) {
  const command *c = find_command(name);
  if (!c) return EXIT_USAGE;
  args_help(c);
  return EXIT_SUCCESS;
}

static int run(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  if (argc < 2) {
    fputs("flowmatch: no command given\n  flowmatch --help lists the commands.\n", stderr);
    return EXIT_USAGE;
  }
  if (strcmp(word, "--version") == 0) return print_version();
  if (strcmp(word, "help") == 0 && argc > 2) return help_on(argv[2]);
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
    print_help();
    return EXIT_SUCCESS;
  }
  const command *c = find_command(word);
  return c ? c->run(argc - 1, argv + 1) : EXIT_USAGE;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error like any other, and is reported */
  int code = run(argc, argv);
  config_free();
  if (fflush(stdout) != 0 && code == EXIT_SUCCESS) {
    cli_fail("standard output", NULL, "writing failed");
    code = EXIT_FAILURE;
  }
  return code;
}
