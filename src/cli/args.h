/* args.h - command lines from a table: one entry says how an option is read, checked and explained. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/cli.h"

typedef enum option_kind {
  OPTION_HEADING, /* no option: a line in the help */
  OPTION_FLAG,    /* bool */
  OPTION_TEXT,    /* const char * */
  OPTION_COUNT,   /* uint64_t */
  OPTION_REAL,    /* double */
  OPTION_CHOICE   /* uint32_t: which of the words in `value`, from 0 */
} option_kind;

typedef struct option {
  option_kind kind;
  char letter;        /* '\0': none */
  const char *name;   /* without its dashes */
  const char *value;  /* what the help calls the value ("FILE"); the words of a choice ("euler|dopri5") */
  size_t offset;      /* of the member in the command's struct that it sets */
  double least, most; /* for numbers, both ends allowed; both 0: any */
  const char *help;
} option;

typedef struct command {
  const char *name;
  const char *synopsis;    /* "DATA -o MODEL [options]" */
  const char *summary;     /* a line for the list of commands */
  const char *description; /* paragraphs, wrapped by hand */
  const char *examples;    /* likewise */
  const char *operand;     /* the operand's name */
  size_t operand_offset;   /* of its const char *, or of a word_list where there may be several */
  bool several;
  const option *options;
  size_t n_options;
  void (*more_help)(void);           /* prints what stands between the options and the examples, or NULL */
  int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit code */
} command;

/* Fills `values`, which holds the defaults, from argv[1] on. Returns -1 to go on, or the exit code: the help
   was asked for and printed, or something is wrong and was reported. Several operands are in a block that
   the caller frees. */
int args_parse(const command *c, int argc, char **argv, void *values);
void args_help(const command *c);

/* Reports a usage error and where to read on; returns EXIT_USAGE. */
int args_wrong(const command *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* The candidate most like word, or NULL if none is near enough to be meant. */
const char *args_nearest(const char *word, const char *(*candidate)(const void *list, size_t i),
                         const void *list, size_t n);

extern const command train_command, sample_command, plot_command, encode_command, info_command;

#endif
