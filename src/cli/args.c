/* args.c - command lines from a table. */
#include "cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HELP_WIDTH 80
#define HELP_INDENT 27 /* where explanations begin */

int args_wrong(const command *c, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "flowmatch: %s: ", c->name);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n  flowmatch %s --help explains it.\n", c->name);
  va_end(arguments);
  return EXIT_USAGE;
}

/* ---- help ------------------------------------------------------------------------------------------ */

/* Prints words into the right-hand column. */
static void print_wrapped(const char *text) {
  int at = HELP_INDENT;
  for (const char *blank = ""; *text; blank = " ") {
    int length = (int)strcspn(text, " ");
    if (at + 1 + length > HELP_WIDTH) {
      printf("\n%*s", HELP_INDENT, "");
      at = HELP_INDENT;
      blank = "";
    }
    at += printf("%s%.*s", blank, length, text);
    text += length;
    text += strspn(text, " ");
  }
  putchar('\n');
}

static void print_option(const option *o) {
  char left[96], letter[8] = "    ";
  if (o->kind == OPTION_HEADING) {
    printf("\n%s:\n", o->help);
    return;
  }
  if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
  snprintf(left, sizeof left, "  %s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
  if (strlen(left) + 2 > HELP_INDENT)
    printf("%s\n%*s", left, HELP_INDENT, "");
  else
    printf("%-*s", HELP_INDENT, left);
  print_wrapped(o->help);
}

void args_help(const command *c) {
  static const option help = {OPTION_FLAG, 'h', "help", NULL, 0, 0, 0, "this text"};
  printf("usage: flowmatch %s %s\n\n%s", c->name, c->synopsis, c->description);
  for (size_t i = 0; i < c->n_options; i++) print_option(&c->options[i]);
  print_option(&help);
  if (c->more_help) c->more_help();
  printf("\nExamples:\n%s", c->examples);
}

/* ---- a wrong word, and the right one --------------------------------------------------------------- */

/* Letters to insert, delete or replace to make b of a. */
static size_t edit_distance(const char *a, const char *b) {
  size_t row[64], n = strlen(b);
  if (n >= COUNT(row)) return SIZE_MAX;
  for (size_t j = 0; j <= n; j++) row[j] = j;
  for (size_t i = 0; a[i]; i++) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < n; j++) {
      size_t best = diagonal + (a[i] != b[j]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
      diagonal = row[j + 1];
      row[j + 1] = best;
    }
  }
  return row[n];
}

const char *args_nearest(const char *word, const char *(*candidate)(const void *list, size_t i),
                         const void *list, size_t n) {
  const char *nearest = NULL;
  size_t least = 3; /* two slips are a slip, three are another word */
  for (size_t i = 0; i < n; i++) {
    const char *other = candidate(list, i);
    size_t distance = other ? edit_distance(word, other) : least;
    if (distance < least && distance < strlen(word)) {
      least = distance;
      nearest = other;
    }
  }
  return nearest;
}

static const char *option_name(const void *list, size_t i) { return ((const option *)list)[i].name; }

static int unknown_option(const command *c, const char *argument) {
  const char *nearest = args_nearest(argument + strspn(argument, "-"), option_name, c->options, c->n_options);
  if (nearest) return args_wrong(c, "no option %s; did you mean --%s?", argument, nearest);
  return args_wrong(c, "no option %s", argument);
}

/* ---- values ---------------------------------------------------------------------------------------- */

static int out_of_range(const command *c, const option *o, const char *text) {
  if (isinf(o->most)) return args_wrong(c, "--%s: %s is less than %g", o->name, text, o->least);
  return args_wrong(c, "--%s: %s is outside %g .. %.10g", o->name, text, o->least, o->most);
}

static bool in_range(const option *o, double value) {
  return (o->least == 0 && o->most == 0) || (value >= o->least && value <= o->most);
}

static int set_count(const command *c, const option *o, const char *text, uint64_t *target) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (end == text || *end || strchr(text, '-'))
    return args_wrong(c, "--%s: '%s' is not a whole number", o->name, text);
  if (errno || !in_range(o, (double)value)) return out_of_range(c, o, text);
  *target = value;
  return -1;
}

static int set_real(const command *c, const option *o, const char *text, double *target) {
  double value;
  if (!cli_parse_number(text, &value) || !isfinite(value))
    return args_wrong(c, "--%s: '%s' is not a number", o->name, text);
  if (!in_range(o, value)) return out_of_range(c, o, text);
  *target = value;
  return -1;
}

static int set_choice(const command *c, const option *o, const char *text, uint32_t *target) {
  const char *word = o->value;
  for (uint32_t i = 0;; i++) {
    size_t length = strcspn(word, "|");
    if (strlen(text) == length && memcmp(word, text, length) == 0) {
      *target = i;
      return -1;
    }
    if (word[length] == '\0') return args_wrong(c, "--%s: '%s' is not one of %s", o->name, text, o->value);
    word += length + 1;
  }
}

static int set_value(const command *c, const option *o, const char *text, void *values) {
  void *target = (char *)values + o->offset;
  switch (o->kind) {
  case OPTION_FLAG:
    *(bool *)target = true;
    return -1;
  case OPTION_TEXT:
    if (!*text) return args_wrong(c, "--%s: the value is empty", o->name);
    *(const char **)target = text;
    return -1;
  case OPTION_COUNT:
    return set_count(c, o, text, target);
  case OPTION_REAL:
    return set_real(c, o, text, target);
  case OPTION_CHOICE:
    return set_choice(c, o, text, target);
  case OPTION_HEADING:
    break;
  }
  return EXIT_USAGE;
}

/* ---- the walk over argv ---------------------------------------------------------------------------- */

/* The option that argument names, as --name, --name=value, -n or -nVALUE; *value is the attached text or
   NULL. */
static const option *find_option(const command *c, const char *argument, const char **value) {
  bool is_long = argument[1] == '-';
  size_t length = is_long ? strcspn(argument + 2, "=") : 0;
  for (size_t i = 0; i < c->n_options; i++) {
    const option *o = &c->options[i];
    if (o->kind == OPTION_HEADING) continue;
    if (is_long && strlen(o->name) == length && memcmp(o->name, argument + 2, length) == 0) {
      *value = argument[2 + length] == '=' ? argument + 3 + length : NULL;
      return o;
    }
    if (!is_long && o->letter == argument[1]) {
      *value = argument[2] ? argument + 2 : NULL;
      return o;
    }
  }
  return NULL;
}

static int take_operand(const command *c, int argc, const char *argument, void *values) {
  void *target = (char *)values + c->operand_offset;
  if (c->several) {
    word_list *w = target;
    if (!w->word) w->word = cli_alloc((size_t)argc, sizeof *w->word);
    w->word[w->n++] = argument;
    return -1;
  }
  const char **operand = target;
  if (*operand) return args_wrong(c, "one %s is enough; what is '%s' for?", c->operand, argument);
  *operand = argument;
  return -1;
}

static int take_option(const command *c, int argc, char **argv, int *at, void *values) {
  const char *value = NULL, *argument = argv[*at];
  const option *o = find_option(c, argument, &value);
  if (!o) return unknown_option(c, argument);
  if (o->kind == OPTION_FLAG) {
    if (value) return args_wrong(c, "--%s takes no value", o->name);
  } else if (!value) {
    if (*at + 1 >= argc) return args_wrong(c, "--%s needs a value: %s", o->name, o->value);
    value = argv[++*at];
  }
  return set_value(c, o, value, values);
}

int args_parse(const command *c, int argc, char **argv, void *values) {
  bool options_over = false;
  for (int i = 1; i < argc; i++) {
    int code;
    const char *argument = argv[i];
    if (options_over || argument[0] != '-' || argument[1] == '\0') {
      code = take_operand(c, argc, argument, values);
    } else if (strcmp(argument, "--") == 0) {
      options_over = true;
      continue;
    } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
      args_help(c);
      return EXIT_SUCCESS;
    } else {
      code = take_option(c, argc, argv, &i, values);
    }
    if (code >= 0) return code;
  }
  /* A word_list begins with a pointer too. */
  if (!*(const char **)(void *)((char *)values + c->operand_offset))
    return args_wrong(c, "%s is missing: flowmatch %s %s", c->operand, c->name, c->synopsis);
  return -1;
}
