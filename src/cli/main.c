/* main.c - the flowmatch program: train, sample and look into flow matching models. */
#include "cli/args.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const command *const commands[] = {&train_command, &sample_command, &plot_command, &encode_command,
                                         &info_command};

static void print_help(void) {
  fputs("flowmatch - train and sample Conditional Flow Matching models\n"
        "\n"
        "usage: flowmatch COMMAND ...\n"
        "\n"
        "Commands:\n",
        stdout);
  for (size_t i = 0; i < COUNT(commands); i++) printf("  %-9s%s\n", commands[i]->name, commands[i]->summary);
  fputs("\n"
        "  flowmatch COMMAND --help explains a command with examples\n"
        "  flowmatch --version      says what this is built on\n"
        "\n"
        "From a table of numbers to new rows like it:\n"
        "  flowmatch train rows.csv -o rows.safetensors\n"
        "  flowmatch sample rows.safetensors -n 1000 -o new.csv\n"
        "  flowmatch plot rows.safetensors -o flow.png --data rows.csv\n"
        "\n"
        "From labelled pictures [n][28][28] to a sheet of new ones, a class a row:\n"
        "  flowmatch train pictures.npy --labels digits.npy -o pictures.safetensors\n"
        "  flowmatch sample pictures.safetensors -n 100 --label each -o sheet.png\n"
        "\n"
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
  return ((const command *const *)list)[i]->name;
}

static const command *find_command(const char *name) {
  for (size_t i = 0; i < COUNT(commands); i++)
    if (strcmp(name, commands[i]->name) == 0) return commands[i];
  const char *nearest = args_nearest(name, command_name, commands, COUNT(commands));
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
  if (fflush(stdout) != 0 && code == EXIT_SUCCESS) {
    cli_fail("standard output", NULL, "writing failed");
    code = EXIT_FAILURE;
  }
  return code;
}
