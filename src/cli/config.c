/* config.c - options in a file: a line for each, sections for the commands. */
#include "cli/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const char config_description[] =
    "A file for --config has lines \"name = value\". The names are those of the long\n"
    "options, with dashes or underscores, and that of the operand: data or model.\n"
    "Flags are true or false. What follows a # at the beginning of a line, or after a\n"
    "blank, is a comment.\n"
    "\n"
    "A value with # in it or blanks around it stands in quotes: 'as it is', or \"with\n"
    "\\\", \\\\ and \\n\". Several operands have blanks between them. File names are\n"
    "taken from the folder where the program runs.\n"
    "\n"
    "A line like [train] begins those for one command. The lines before any heading\n"
    "are for every command that has such an option. Of two lines for one option the\n"
    "later counts, and the command line wins over all.\n";

/* ---- memory ---------------------------------------------------------------------------------------- */

/* Values are used until the program ends. */
typedef struct kept {
  struct kept *next;
  char *text;
} kept;
static kept *all_kept;

static char *keep(const char *text) {
  kept *k = cli_alloc(1, sizeof *k);
  *k = (kept){all_kept, cli_copy_text(text)};
  all_kept = k;
  return k->text;
}

void config_free(void) {
  while (all_kept) {
    kept *k = all_kept;
    all_kept = k->next;
    free(k->text);
    free(k);
  }
}

/* ---- words ----------------------------------------------------------------------------------------- */

static char *skip_blanks(char *at) {
  while (isspace((unsigned char)*at)) at++;
  return at;
}

static void trim(char *text) {
  for (char *end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);) *--end = '\0';
}

/* Takes the quotes off a word, in place; *at moves behind it. False: the end is missing. */
static bool unquote(char **at, char **word) {
  char quote = **at, *from = *at + 1, *to = from;
  *word = to;
  for (; *from && *from != quote; from++) {
    if (quote == '"' && *from == '\\' && from[1] && strchr("\"\\n", from[1])) {
      from++;
      *to++ = *from == 'n' ? '\n' : *from;
    } else {
      *to++ = *from;
    }
  }
  bool closed = *from == quote;
  *to = '\0';
  *at = from + closed;
  return closed;
}

/* The next word of a list, NULL in *word after the last. */
static bool next_word(char **at, char **word) {
  *at = skip_blanks(*at);
  *word = NULL;
  if (**at == '\0' || **at == '#') return true;
  if (**at == '"' || **at == '\'') return unquote(at, word);
  *word = *at;
  while (**at && !isspace((unsigned char)**at)) ++*at;
  if (**at) *(*at)++ = '\0';
  return true;
}

static const char unclosed[] = "the value's quote is not closed";

/* The one value of a line, to its end or a comment. */
static int whole_value(const origin *from, char *at, char **value) {
  at = skip_blanks(at);
  if (*at == '"' || *at == '\'') {
    if (!unquote(&at, value)) return origin_wrong(from, "%s", unclosed);
    at = skip_blanks(at);
    if (*at && *at != '#') return origin_wrong(from, "a value in quotes, then '%s'; expected one value", at);
    return -1;
  }
  *value = at;
  for (char *c = at; *c; c++)
    if (*c == '#' && (c == at || isspace((unsigned char)c[-1]))) {
      *c = '\0';
      break;
    }
  trim(at);
  return -1;
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* "data" for DATA. */
static bool is_operand(const command *c, const char *name) {
  if (!c->operand) return false;
  const char *o = c->operand;
  for (; *o && *name && tolower((unsigned char)*o) == *name; o++) name++;
  return !*o && !*name;
}

static bool is_ours(const command *c, const char *name) {
  return args_option(c, name, strlen(name)) || is_operand(c, name);
}

static bool is_anybodys(const char *name) {
  for (size_t i = 0; command_at(i); i++)
    if (is_ours(command_at(i), name)) return true;
  return false;
}

static int set_operand(const origin *from, char *at, void *values) {
  void *target = (char *)values + from->c->operand_offset;
  char *word;
  if (!from->c->several) {
    int code = whole_value(from, at, &word);
    if (code < 0 && !*word) code = origin_wrong(from, "the value is empty");
    if (code < 0) *(const char **)target = keep(word);
    return code;
  }
  word_list list = {cli_alloc(strlen(at) / 2 + 1, sizeof *list.word), 0}; /* a word and a blank */
  bool closed;
  while ((closed = next_word(&at, &word)) && word) list.word[list.n++] = keep(word);
  if (!closed || list.n == 0) {
    free(list.word);
    return origin_wrong(from, "%s", closed ? "the value is empty" : unclosed);
  }
  free(((word_list *)target)->word);
  *(word_list *)target = list;
  return -1;
}

static int set_line(const origin *from, char *name, char *at, bool general, void *values) {
  const command *c = from->c;
  char *value;
  for (char *n = name; *n; n++)
    if (*n == '_') *n = '-';
  const option *o = args_option(c, name, strlen(name));
  if (!o && is_operand(c, name)) return set_operand(from, at, values);
  if (!o) {
    if (general && is_anybodys(name)) return -1;
    const char *nearest = args_nearest_option(c, name);
    if (nearest)
      return origin_wrong(from, "%s has no option '%s'; did you mean '%s'?", c->name, name, nearest);
    return origin_wrong(from, "%s has no option '%s'", c->name, name);
  }
  int code = whole_value(from, at, &value);
  return code < 0 ? args_set(from, o, keep(value), values) : code;
}

static const char *name_of_command(const void *list, size_t i) {
  (void)list;
  return command_at(i)->name;
}

/* "[train]". *section becomes the command. */
static int begin_section(const origin *from, char *at, const command **section) {
  size_t n = 0, length = strcspn(++at, "]");
  const char *rest = at[length] ? skip_blanks(at + length + 1) : "[";
  if (*rest && *rest != '#') return origin_wrong(from, "expected a heading like [%s]", from->c->name);
  at[length] = '\0';
  for (; command_at(n); n++)
    if (strcmp(command_at(n)->name, at) == 0) {
      *section = command_at(n);
      return -1;
    }
  const char *nearest = args_nearest(at, name_of_command, NULL, n);
  if (nearest) return origin_wrong(from, "no command '%s'; did you mean [%s]?", at, nearest);
  return origin_wrong(from, "no command '%s': expected a heading like [%s]", at, from->c->name);
}

static int take_line(const origin *from, char *line, const command **section, void *values) {
  if (from->line == 1 && strncmp(line, "\357\273\277", 3) == 0) line += 3; /* the mark of some editors */
  char *at = skip_blanks(line);
  trim(at);
  if (*at == '\0' || *at == '#') return -1;
  if (*at == '[') return begin_section(from, at, section);
  if (*section && *section != from->c) return -1;
  size_t length = strcspn(at, "= \t\r\n");
  char *sign = skip_blanks(at + length);
  if (length == 0 || *sign != '=') return origin_wrong(from, "expected a line like: steps = 500");
  at[length] = '\0';
  return set_line(from, at, sign + 1, *section == NULL, values);
}

int config_read(const command *c, const char *file, void *values) {
  origin from = {c, file, 0};
  const command *section = NULL; /* none yet: for all commands */
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  int code = -1;
  FILE *f = fopen(file, "r");
  if (!f) {
    cli_fail(file, NULL, "%s", strerror(errno));
    return EXIT_FAILURE;
  }
  errno = 0;
  while (code < 0 && (length = getline(&line, &capacity, f)) >= 0) {
    from.line++;
    if (strlen(line) != (size_t)length)
      code = origin_wrong(&from, "a zero byte: this is no text");
    else
      code = take_line(&from, line, &section, values);
  }
  if (code < 0 && !feof(f)) { /* a folder opens, but can't be read */
    cli_fail(file, NULL, "%s", strerror(errno));
    code = EXIT_FAILURE;
  }
  free(line);
  fclose(f);
  return code;
}

/* ---- writing --------------------------------------------------------------------------------------- */

static void print_word(const char *word) {
  if (*word && !strpbrk(word, " \t\r\n\v\f#'\"")) {
    fputs(word, stdout);
    return;
  }
  putchar('"');
  for (; *word; word++) {
    if (*word == '"' || *word == '\\') putchar('\\');
    if (*word == '\n')
      fputs("\\n", stdout);
    else
      putchar(*word);
  }
  putchar('"');
}

/* As few digits as give the number back. */
static void print_real(double value) {
  char text[40];
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  fputs(text, stdout);
}

static void print_value(const option *o, const void *values) {
  const void *member = (const char *)values + o->offset;
  const char *word;
  if (o->kind == OPTION_FLAG) fputs(*(const bool *)member ? "true" : "false", stdout);
  if (o->kind == OPTION_TEXT) print_word(*(const char *const *)member);
  if (o->kind == OPTION_COUNT) printf("%llu", (unsigned long long)*(const uint64_t *)member);
  if (o->kind == OPTION_REAL) print_real(*(const double *)member);
  if (o->kind == OPTION_CHOICE) {
    int length = args_word(o->value, *(const uint32_t *)member, &word);
    printf("%.*s", length, word);
  }
}

static void print_operands(const command *c, const void *values) {
  const void *member = (const char *)values + c->operand_offset;
  const word_list *list = member;
  const char *const *one = member;
  size_t n = c->several ? list->n : *one != NULL;
  if (n == 0) fputs("# ", stdout);
  for (const char *o = c->operand; *o; o++) putchar(tolower((unsigned char)*o));
  fputs(" =", stdout);
  if (n == 0) printf(" %s", c->operand);
  for (size_t i = 0; i < n; i++) {
    putchar(' ');
    print_word(c->several ? list->word[i] : *one);
  }
  putchar('\n');
}

void config_print(const command *c, const void *values) {
  printf("# Options of flowmatch %s, for --config. Those behind a # are not given: there is\n"
         "# none, or the program chooses.\n[%s]\n",
         c->name, c->name);
  if (c->operand) print_operands(c, values);
  for (size_t i = 0; i < c->n_options; i++) {
    const option *o = &c->options[i];
    if (o->kind == OPTION_HEADING) {
      printf("\n# %s\n", o->help);
    } else if (args_is_known(o, values)) {
      printf("%s = ", o->name);
      print_value(o, values);
      putchar('\n');
    } else {
      printf("# %s = %s\n", o->name, o->value);
    }
  }
}
