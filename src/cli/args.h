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
  const char *value;  /* what the help calls the value: with FILE in it, or MODEL or OUT, shells complete file
                         names; the words of a choice ("euler|dopri5") */
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
  const char *operand;     /* the operand's name; NULL: there is none */
  const char *words;       /* what it may be, "bash|zsh"; NULL: a file */
  size_t operand_offset;   /* of its const char *, or of a word_list where there may be several */
  bool several;
  const option *options;
  size_t n_options;
  void (*more_help)(void);           /* prints what stands between the options and the examples, or NULL. The
                                        manual has it too, so that no line begins with a dot or apostrophe */
  int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit code */
} command;

/* Fills `values`, which holds the defaults, from argv[1] on. Returns -1 to go on, or the exit code: the help
   or the options as a file were asked for and printed, or something is wrong and was reported. Several
   operands are in a block that the caller frees; words may also be those of a --config file, until
   config_free. */
int args_parse(const command *c, int argc, char **argv, void *values);
void args_help(const command *c);

/* Reports a usage error and where to read on; returns EXIT_USAGE. */
int args_wrong(const command *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* The candidate most like word, or NULL if none is near enough to be meant. */
const char *args_nearest(const char *word, const char *(*candidate)(const void *list, size_t i),
                         const void *list, size_t n);

/* ---- the parts of a table ---------------------------------------------------------------------------- */

/* Where a value stands, for messages: in a line of a file, or, with file NULL, on the command line. */
typedef struct origin {
  const command *c;
  const char *file;
  size_t line;
} origin;

/* Reports what is wrong there, and where to read on; returns EXIT_USAGE. */
int origin_wrong(const origin *from, const char *format, ...) PRINTF_LIKE(2, 3);
/* Sets the member that o describes; NULL turns a flag on. Returns -1, or the exit code after a report. text
   must outlive values. */
int args_set(const origin *from, const option *o, const char *text, void *values);

/* The option of this name, [length]; NULL if the command has none. */
const option *args_option(const command *c, const char *name, size_t length);
/* --config, --print-config and --help, which every command has; NULL from i = 3 on. They set no member. */
const option *args_common(size_t i);
/* Option i of a command, its own first, headings too, then those of every command; NULL after the last. */
const option *args_at(const command *c, size_t i);
/* The option of the table most like name, or NULL. */
const char *args_nearest_option(const command *c, const char *name);
/* Whether o holds a value that its table allows; some defaults stand for a choice made later. */
bool args_is_known(const option *o, const void *values);
bool args_takes_file(const option *o);
/* Word i of "a|b|c", to be printed with %.*s; its length, 0 after the last. */
int args_word(const char *words, size_t i, const char **word);

/* ---- files of options: config.c ---------------------------------------------------------------------- */

/* Sets from the file what is for the command. Returns -1, or the exit code after a report. */
int config_read(const command *c, const char *file, void *values);
/* Prints all options as such a file. */
void config_print(const command *c, const void *values);
extern const char config_description[]; /* paragraphs, wrapped by hand */
void config_free(void);

/* ---- the program's commands: main.c ------------------------------------------------------------------ */

const command *command_at(size_t i); /* NULL after the last */
extern const char program_description[], program_examples[];

extern const command train_command, sample_command, plot_command, encode_command, logp_command, eval_command;
extern const command info_command, reflow_command, completion_command, manual_command;

#endif
