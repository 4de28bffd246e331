/* manual.c - flowmatch manual: flowmatch(1), made from the tables of options. */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const command manual_command = {
    .name = "manual",
    .synopsis = "",
    .summary = "print this program's manual page, as `man` reads it",
    .description = "Prints the manual page flowmatch(1). `make install` puts it where `man` looks.\n\n",
    .examples = "  flowmatch manual | man -l -\n",
    .run = run,
};

/* ---- text in roff ---------------------------------------------------------------------------------- */

/* Without a meaning for roff, up to the end or `end`; dashes stay the ones that can be typed. Returns what
   follows. */
static const char *print_text(const char *text, char end) {
  bool begins = true; /* a line, where dots and apostrophes make requests */
  for (; *text && *text != end; text++) {
    if (begins && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
    begins = *text == '\n';
    if (*text == '-')
      fputs("\\-", stdout);
    else if (*text == '\\')
      fputs("\\e", stdout);
    else if (*text == '\'')
      fputs("\\(aq", stdout);
    else if (*text == '`')
      fputs("\\(ga", stdout);
    else if (*text == '~')
      fputs("\\(ti", stdout);
    else if (*text == '^')
      fputs("\\(ha", stdout);
    else
      putchar(*text);
  }
  return text;
}

/* Paragraphs with empty lines between them. */
static void print_paragraphs(const char *text) {
  while (*text) {
    if (*text == '\n') {
      for (text++; *text == '\n';) text++;
      if (*text) puts(".PP");
      continue;
    }
    text = print_text(text, '\n');
    text += *text == '\n';
    putchar('\n');
  }
}

static void print_examples(const char *text) {
  puts(".PP\n.nf");
  print_text(text, '\0');
  puts(".fi");
}

static void print_option(const option *o) {
  if (o->kind == OPTION_HEADING) {
    puts(".PP");
    print_text(o->help, '\0');
    puts(":");
    return;
  }
  puts(".TP");
  if (o->letter) printf("\\fB\\-%c\\fR, ", o->letter);
  fputs("\\fB\\-\\-", stdout);
  print_text(o->name, '\0');
  fputs("\\fR", stdout);
  if (o->value) {
    fputs(" \\fI", stdout);
    print_text(o->value, '\0');
    fputs("\\fR", stdout);
  }
  putchar('\n');
  print_text(o->help, '\0');
  putchar('\n');
}

static void print_command(const command *c) {
  fputs(".SS flowmatch ", stdout);
  print_text(c->name, '\0');
  putchar(' ');
  print_text(c->synopsis, '\0');
  putchar('\n');
  print_paragraphs(c->description);
  for (size_t i = 0; i < c->n_options; i++) print_option(&c->options[i]);
  if (c->more_help) {
    puts(".PP\n.nf");
    c->more_help();
    puts(".fi");
  }
  puts(".PP\nExamples:");
  print_examples(c->examples);
}

static void print_manual(void) {
  const option *o;
  printf(".TH FLOWMATCH 1 \"\" \"flowmatch %s\" \"User Commands\"\n", fm_version_string());
  puts(".SH NAME\nflowmatch \\- train and sample Conditional Flow Matching models\n.SH SYNOPSIS");
  for (size_t i = 0; command_at(i); i++) {
    printf("%s\\fBflowmatch %s\\fR ", i ? ".br\n" : "", command_at(i)->name);
    print_text(command_at(i)->synopsis, '\0');
    putchar('\n');
  }
  puts(".br\n\\fBflowmatch help\\fR [COMMAND]\n.br\n\\fBflowmatch \\-\\-version\\fR\n.SH DESCRIPTION");
  print_paragraphs(program_description);
  print_examples(program_examples);
  puts(".SH COMMANDS");
  for (size_t i = 0; command_at(i); i++) print_command(command_at(i));
  puts(".SH OPTIONS OF EVERY COMMAND");
  for (size_t i = 0; (o = args_common(i)); i++) print_option(o);
  puts(".SH FILES OF OPTIONS");
  print_paragraphs(config_description);
  puts(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 130 interrupted.");
}

static int run(int argc, char **argv) {
  char none;
  int code = args_parse(&manual_command, argc, argv, &none);
  if (code >= 0) return code;
  print_manual();
  return EXIT_SUCCESS;
}
