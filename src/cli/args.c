/* args.c - command lines from a table. */
#include "cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HELP_WIDTH 80
#define HELP_INDENT 27 /* where explanations begin */

/* The options of every command. */
enum { COMMON_CONFIG, COMMON_PRINT, COMMON_HELP };
static const option common[] = {
    {OPTION_TEXT, 0, "config", "FILE", 0, 0, 0,
     "take options from lines like 'steps = 500', those before any [command] heading and those under this "
     "command's; DATA or MODEL too: 'data = a.npy b.npy'. What the command line says wins, "
     "for flags also --name=false"},
    {OPTION_FLAG, 0, "print-config", NULL, 0, 0, 0,
     "print all options as such a file, with the defaults, and do nothing else"},
    {OPTION_FLAG, 'h', "help", NULL, 0, 0, 0, "this text"},
};

const option *args_common(size_t i) { return i < COUNT(common) ? &common[i] : NULL; }

const option *args_at(const command *c, size_t i) {
  return i < c->n_options ? &c->options[i] : args_common(i - c->n_options);
}

/* ---- messages -------------------------------------------------------------------------------------- */

static int report(const origin *from, const char *format, va_list arguments) {
  fputs("flowmatch: ", stderr);
  if (from->file)
    fprintf(stderr, "%s: line %zu: ", from->file, from->line);
  else
    fprintf(stderr, "%s: ", from->c->name);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n  flowmatch %s --help explains it.\n", from->c->name);
  return EXIT_USAGE;
}

int args_wrong(const command *c, const char *format, ...) {
  const origin from = {.c = c};
  va_list arguments;
  va_start(arguments, format);
  int code = report(&from, format, arguments);
  va_end(arguments);
  return code;
}

int origin_wrong(const origin *from, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int code = report(from, format, arguments);
  va_end(arguments);
  return code;
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
  static const option heading = {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "Options of every command"};
  printf("usage: flowmatch %s %s\n\n%s", c->name, c->synopsis, c->description);
  for (size_t i = 0; i < c->n_options; i++) print_option(&c->options[i]);
  print_option(&heading);
  for (size_t i = 0; i < COUNT(common); i++) print_option(&common[i]);
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

static const char *option_name(const void *list, size_t i) { return args_at(list, i)->name; }

const char *args_nearest_option(const command *c, const char *name) {
  return args_nearest(name, option_name, c, c->n_options + COUNT(common));
}

static int unknown_option(const command *c, const char *argument) {
  const char *nearest = args_nearest_option(c, argument + strspn(argument, "-"));
  if (nearest) return args_wrong(c, "no option %s; did you mean --%s?", argument, nearest);
  return args_wrong(c, "no option %s", argument);
}

/* ---- values ---------------------------------------------------------------------------------------- */

/* Options have their dashes on the command line only. */
static const char *dashes(const origin *from) { return from->file ? "" : "--"; }

static int out_of_range(const origin *from, const option *o, const char *text) {
  if (isinf(o->most))
    return origin_wrong(from, "%s%s: %s is less than %g", dashes(from), o->name, text, o->least);
  return origin_wrong(from, "%s%s: %s is outside %g .. %.10g", dashes(from), o->name, text, o->least,
                      o->most);
}

static bool in_range(const option *o, double value) {
  return (o->least == 0 && o->most == 0) || (value >= o->least && value <= o->most);
}

static int set_flag(const origin *from, const option *o, const char *text, bool *target) {
  bool on = !text || strcmp(text, "true") == 0;
  if (!on && strcmp(text, "false") != 0)
    return origin_wrong(from, "%s%s: '%s' is not true or false", dashes(from), o->name, text);
  *target = on;
  return -1;
}

static int set_count(const origin *from, const option *o, const char *text, uint64_t *target) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (end == text || *end || strchr(text, '-'))
    return origin_wrong(from, "%s%s: '%s' is not a whole number", dashes(from), o->name, text);
  if (errno || !in_range(o, (double)value)) return out_of_range(from, o, text);
  *target = value;
  return -1;
}

static int set_real(const origin *from, const option *o, const char *text, double *target) {
  double value;
  if (!cli_parse_number(text, &value) || !isfinite(value))
    return origin_wrong(from, "%s%s: '%s' is not a number", dashes(from), o->name, text);
  if (!in_range(o, value)) return out_of_range(from, o, text);
  *target = value;
  return -1;
}

int args_word(const char *words, size_t i, const char **word) {
  for (; i > 0 && *words; i--) {
    words += strcspn(words, "|");
    words += *words == '|';
  }
  *word = words;
  return (int)strcspn(words, "|");
}

/* Which of "a|b|c" text is. */
static bool find_word(const char *words, const char *text, uint32_t *index) {
  const char *word;
  int length;
  for (uint32_t i = 0; (length = args_word(words, i, &word)) > 0; i++)
    if (strlen(text) == (size_t)length && memcmp(word, text, (size_t)length) == 0) {
      *index = i;
      return true;
    }
  return false;
}

static int set_choice(const origin *from, const option *o, const char *text, uint32_t *target) {
  if (find_word(o->value, text, target)) return -1;
  return origin_wrong(from, "%s%s: '%s' is not one of %s", dashes(from), o->name, text, o->value);
}

int args_set(const origin *from, const option *o, const char *text, void *values) {
  void *target = (char *)values + o->offset;
  switch (o->kind) {
  case OPTION_FLAG:
    return set_flag(from, o, text, target);
  case OPTION_TEXT:
    if (!*text) return origin_wrong(from, "%s%s: the value is empty", dashes(from), o->name);
    *(const char **)target = text;
    return -1;
  case OPTION_COUNT:
    return set_count(from, o, text, target);
  case OPTION_REAL:
    return set_real(from, o, text, target);
  case OPTION_CHOICE:
    return set_choice(from, o, text, target);
  case OPTION_HEADING:
    break;
  }
  return EXIT_USAGE;
}

bool args_is_known(const option *o, const void *values) {
  const void *member = (const char *)values + o->offset;
  const char *word;
  switch (o->kind) {
  case OPTION_FLAG:
    return true;
  case OPTION_TEXT:
    return *(const char *const *)member != NULL;
  case OPTION_COUNT:
    return in_range(o, (double)*(const uint64_t *)member);
  case OPTION_REAL:
    return in_range(o, *(const double *)member);
  case OPTION_CHOICE:
    return args_word(o->value, *(const uint32_t *)member, &word) > 0;
  case OPTION_HEADING:
    break;
  }
  return false;
}

bool args_takes_file(const option *o) {
  return o->kind == OPTION_TEXT &&
         (strstr(o->value, "FILE") || strcmp(o->value, "MODEL") == 0 || strcmp(o->value, "OUT") == 0);
}

/* ---- the walk over argv ---------------------------------------------------------------------------- */

/* An argument, with its value if that is the next one: an option, or an operand with option NULL, or "--"
   with both NULL. */
typedef struct item {
  const option *option;
  const char *text;
} item;

typedef struct walk {
  const command *c;
  int argc, at;
  char **argv;
  bool options_over;
} walk;

const option *args_option(const command *c, const char *name, size_t length) {
  for (size_t i = 0; i < c->n_options; i++) {
    const option *o = &c->options[i];
    if (o->kind == OPTION_HEADING) continue;
    if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
  }
  return NULL;
}

static const option *common_option(const char *name, size_t length) {
  for (size_t i = 0; i < COUNT(common); i++)
    if (strlen(common[i].name) == length && memcmp(common[i].name, name, length) == 0) return &common[i];
  return NULL;
}

static const option *lettered_option(const command *c, char letter) {
  for (size_t i = 0; i < c->n_options; i++)
    if (c->options[i].letter == letter) return &c->options[i];
  return letter == common[COMMON_HELP].letter ? &common[COMMON_HELP] : NULL;
}

/* The option that argument names, as --name, --name=value, -n or -nVALUE; *value is the attached text or
   NULL. */
static const option *find_option(const command *c, const char *argument, const char **value) {
  if (argument[1] != '-') {
    *value = argument[2] ? argument + 2 : NULL;
    return lettered_option(c, argument[1]);
  }
  const char *name = argument + 2;
  size_t length = strcspn(name, "=");
  const option *o = args_option(c, name, length);
  *value = name[length] == '=' ? name + length + 1 : NULL;
  return o ? o : common_option(name, length);
}

/* Moves on by an item. Returns -1, or the exit code after a report. */
static int next_item(walk *w, item *out) {
  const char *argument = w->argv[w->at++];
  *out = (item){NULL, argument};
  if (w->options_over || argument[0] != '-' || argument[1] == '\0') return -1;
  if (strcmp(argument, "--") == 0) {
    w->options_over = true;
    out->text = NULL;
    return -1;
  }
  const option *o = out->option = find_option(w->c, argument, &out->text);
  if (!o) return unknown_option(w->c, argument);
  if (o->kind == OPTION_FLAG) {
    if (out->text && argument[1] != '-') return args_wrong(w->c, "-%c takes no value", o->letter);
  } else if (!out->text) {
    if (w->at >= w->argc) return args_wrong(w->c, "--%s needs a value: %s", o->name, o->value);
    out->text = w->argv[w->at++];
  }
  return -1;
}

/* The first one takes the place of those of a file. */
static int take_operand(const command *c, int argc, const char *argument, bool first, void *values) {
  if (!c->operand) return args_wrong(c, "what is '%s' for?", argument);
  void *target = (char *)values + c->operand_offset;
  if (c->several) {
    word_list *w = target;
    if (first) {
      free(w->word);
      *w = (word_list){cli_alloc((size_t)argc, sizeof *w->word), 0};
    }
    w->word[w->n++] = argument;
    return -1;
  }
  if (!first) return args_wrong(c, "one %s is enough; what is '%s' for?", c->operand, argument);
  *(const char **)target = argument;
  return -1;
}

/* Files of options come before what the command line says, wherever it names them. */
static int take_files(walk w, void *values, bool *print) {
  while (w.at < w.argc) {
    item it;
    int code = next_item(&w, &it);
    if (code >= 0) return code;
    bool ours = it.option == &common[COMMON_HELP] || it.option == &common[COMMON_PRINT];
    if (ours && it.text) return args_wrong(w.c, "--%s takes no value", it.option->name);
    if (it.option == &common[COMMON_HELP]) {
      args_help(w.c);
      return EXIT_SUCCESS;
    }
    if (it.option == &common[COMMON_PRINT]) *print = true;
    if (it.option == &common[COMMON_CONFIG]) code = config_read(w.c, it.text, values);
    if (code >= 0) return code;
  }
  return -1;
}

static int take_arguments(walk w, void *values) {
  const origin from = {.c = w.c};
  bool first = true;
  while (w.at < w.argc) {
    item it;
    int code = next_item(&w, &it);
    if (code < 0 && !it.option && it.text) {
      code = take_operand(w.c, w.argc, it.text, first, values);
      first = false;
    } else if (code < 0 && it.option && (it.option < common || it.option >= common + COUNT(common))) {
      code = args_set(&from, it.option, it.text, values);
    }
    if (code >= 0) return code;
  }
  return -1;
}

static int check_operand(const command *c, const void *values) {
  if (!c->operand) return -1;
  /* A word_list begins with a pointer too. */
  const char *operand = *(const char *const *)(const void *)((const char *)values + c->operand_offset);
  uint32_t index;
  if (!operand) return args_wrong(c, "%s is missing: flowmatch %s %s", c->operand, c->name, c->synopsis);
  if (c->words && !find_word(c->words, operand, &index))
    return args_wrong(c, "'%s' is not one of %s", operand, c->words);
  return -1;
}

int args_parse(const command *c, int argc, char **argv, void *values) {
  const walk begin = {c, argc, 1, argv, false};
  bool print = false;
  int code = take_files(begin, values, &print);
  if (code < 0) code = take_arguments(begin, values);
  if (code >= 0) return code;
  if (print) {
    config_print(c, values);
    return EXIT_SUCCESS;
  }
  return check_operand(c, values);
}
