/* csv.c - tables as text: cells separated by tabs, semicolons, commas or blanks; names in the first line if
   there are any; quotes, CRLF, empty lines and lines that begin with # are fine. Numbers have a decimal
   point whatever the machine's locale is. */
#include "cli/table.h"

#include <errno.h>
#include <math.h>
#include <string.h>

typedef struct cell {
  char *text; /* unquoted, without blanks around it */
  bool quoted;
} cell;

typedef struct csv {
  FILE *file;
  table *t;
  bool missing; /* a cell may have no value */
  char *line;   /* the line being read, cut into cells in place */
  size_t line_capacity;
  size_t number;  /* of the line, from 1 */
  char separator; /* '\0' until the first line was seen; ' ' is any run of blanks */
  cell *cells;
  size_t n_cells, cells_capacity;
  size_t names_line; /* the line with the names, 0: none */
  size_t values_capacity;
} csv;

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* ---- lines ----------------------------------------------------------------------------------------- */

static bool check_text(const csv *c, size_t length) {
  if (memchr(c->line, '\0', length) == NULL) return true;
  return cli_fail(c->t->name, "Save the table as UTF-8 .csv or as .npy.",
                  "line %zu has a zero byte: neither plain text nor a .npy file", c->number);
}

/* The next line with something in it, without its end: 1; 0 at the end of the file; -1 after a failure. */
static int next_line(csv *c) {
  for (;;) {
    errno = 0;
    ssize_t length = getline(&c->line, &c->line_capacity, c->file);
    if (length < 0) return ferror(c->file) ? (cli_fail(c->t->name, NULL, "%s", strerror(errno)), -1) : 0;
    c->number++;
    if (!check_text(c, (size_t)length)) return -1;
    if (c->number == 1 && strncmp(c->line, "\xEF\xBB\xBF", 3) == 0) /* a byte order mark */
      memmove(c->line, c->line + 3, (size_t)length - 2);
    char *end = c->line + strlen(c->line);
    while (end > c->line && (end[-1] == '\n' || end[-1] == '\r')) *--end = '\0';
    const char *start = c->line + strspn(c->line, " \t");
    if (*start && *start != '#') return 1;
  }
}

/* ---- cells ----------------------------------------------------------------------------------------- */

/* Tab, semicolon, comma, in this order, if the line has one outside quotes: "1,5;2,5" has two cells. Else
   blanks. */
static char find_separator(const char *line) {
  bool quoted = false, comma = false, semicolon = false;
  line += strspn(line, " ");
  for (const char *at = line; *at; at++) {
    if (*at == '"') quoted = !quoted;
    if (quoted) continue;
    if (*at == '\t') return '\t';
    semicolon = semicolon || *at == ';';
    comma = comma || *at == ',';
  }
  return semicolon ? ';' : comma ? ',' : ' ';
}

static bool fail_at(const csv *c, size_t column, const char *hint, const char *what, const char *text) {
  return cli_fail(c->t->name, hint, "line %zu, column %zu: %s%s%s%s", c->number, column + 1, what,
                  text ? " '" : "", text ? text : "", text ? "'" : "");
}

static bool fail_not_number(const csv *c, size_t column, const char *hint) {
  const char *text = c->cells[column].text;
  if (*text) return fail_at(c, column, hint, "not a number:", text);
  return fail_at(c, column, hint ? hint : "Every row needs every number.", "the cell is empty", NULL);
}

/* Removes the quotes around a text in place; "" inside is one quote. *after is set behind the closing one. */
static bool unquote(char *open, char **after) {
  char *to = open, *from = open + 1;
  for (; *from; *to++ = *from++) {
    if (*from != '"') continue;
    if (from[1] != '"') {
      *to = '\0';
      *after = from + 1;
      return true;
    }
    from++;
  }
  return false;
}

static bool at_separator(const csv *c, const char *at) {
  return *at == '\0' || (c->separator == ' ' ? is_blank(*at) : *at == c->separator);
}

/* Cuts the cell that begins at *at, and moves *at to its separator or the end of the line. */
static bool cut_cell(csv *c, char **at) {
  char *start = *at, *end;
  while (is_blank(*start) && *start != c->separator) start++;
  bool quoted = *start == '"';
  if (quoted) {
    if (!unquote(start, &end)) return fail_at(c, c->n_cells, NULL, "a quote is never closed", NULL);
    while (is_blank(*end) && !at_separator(c, end)) end++;
    if (!at_separator(c, end)) return fail_at(c, c->n_cells, NULL, "text after a closing quote:", end);
    *at = end;
  } else {
    for (end = start; !at_separator(c, end);) end++;
    *at = end;
    while (end > start && is_blank(end[-1])) end--;
  }
  c->cells = cli_grow(c->cells, &c->cells_capacity, c->n_cells + 1, sizeof *c->cells);
  c->cells[c->n_cells++] = (cell){start, quoted};
  char ended_by = **at;
  if (!quoted) *end = '\0';
  if (ended_by) **at = '\0';
  *at = ended_by ? *at + 1 : NULL;
  return true;
}

static bool cut_line(csv *c) {
  char *at = c->line;
  c->n_cells = 0;
  if (!c->separator) c->separator = find_separator(c->line);
  if (c->separator == ' ') { /* blanks around the line separate nothing */
    at += strspn(at, " \t");
    char *end = at + strlen(at);
    while (is_blank(end[-1])) *--end = '\0';
  }
  while (at) {
    if (!cut_cell(c, &at)) return false;
    if (at && c->separator == ' ') at += strspn(at, " \t");
  }
  return true;
}

/* How tables of the world say that there is no value. */
static bool is_missing(const csv *c, const char *text) {
  static const char *const words[] = {"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?"};
  for (size_t i = 0; c->missing && i < COUNT(words); i++)
    if (strcmp(text, words[i]) == 0) return true;
  return false;
}

/* ---- names ----------------------------------------------------------------------------------------- */

/* Well-formed UTF-8, roughly: what a model's notes may hold. */
static bool is_utf8(const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at;) {
    size_t more = *at < 0x80 ? 0 : *at >= 0xC2 && *at < 0xE0 ? 1 : *at >= 0xE0 && *at < 0xF0 ? 2 : 3;
    if (more == 3 && (*at < 0xF0 || *at > 0xF4)) return false;
    for (at++; more > 0; more--, at++)
      if ((*at & 0xC0) != 0x80) return false;
  }
  return true;
}

/* Appends a name to the header line, quoted where it has to be. */
static char *append_name(char *line, size_t *length, size_t *capacity, const char *name, bool first) {
  bool quotes = strpbrk(name, ",;\"\t ") != NULL || *name == '#' || *name == '\0';
  line = cli_grow(line, capacity, *length + 2 * strlen(name) + 4, 1);
  char *to = line + *length;
  if (!first) *to++ = ',';
  if (quotes) *to++ = '"';
  for (; *name; name++) {
    if (*name == '"') *to++ = '"';
    *to++ = *name;
  }
  if (quotes) *to++ = '"';
  *to = '\0';
  *length = (size_t)(to - line);
  return line;
}

static void keep_names(csv *c) {
  char *line = NULL;
  size_t length = 0, capacity = 0;
  for (size_t i = 0; i < c->n_cells; i++)
    line = append_name(line, &length, &capacity, c->cells[i].text, i == 0);
  if (!is_utf8(line)) {
    cli_warn("%s: the column names are not UTF-8 and are not kept", c->t->name);
    free(line);
    line = NULL;
  }
  c->t->header = line;
  c->names_line = c->number;
}

/* Whether the first line holds names: 1 names, 0 numbers, -1 a mixture, which is reported: to take it for
   names could drop a row without a word. */
static int has_names(const csv *c) {
  size_t numbers = 0, names = 0, name_at = 0, number_at = 0;
  double value;
  for (size_t i = 0; i < c->n_cells; i++) {
    if (is_missing(c, c->cells[i].text)) continue;
    if (!cli_parse_number(c->cells[i].text, &value)) {
      names++;
      name_at = i;
    } else if (!c->cells[i].quoted) {
      numbers++;
      number_at = i;
    }
  }
  if (names == 0) return 0;
  if (numbers == 0) return 1;
  char hint[160];
  snprintf(hint, sizeof hint,
           "Column %zu of that line is a number. If the line holds names, quote it: \"%.40s\"", number_at + 1,
           c->cells[number_at].text);
  fail_not_number(c, name_at, hint);
  return -1;
}

char *csv_header_name(const char *header, size_t column) {
  table t = {.name = "header"};
  csv c = {.t = &t, .separator = ','};
  char *name = NULL;
  c.line = cli_copy_text(header);
  if (cut_line(&c) && column < c.n_cells) name = cli_copy_text(c.cells[column].text);
  free(c.line);
  free(c.cells);
  return name;
}

/* ---- values ---------------------------------------------------------------------------------------- */

static bool add_row(csv *c) {
  table *t = c->t;
  if (t->n_columns == 0) t->n_columns = c->n_cells;
  if (c->n_cells != t->n_columns)
    return cli_fail(t->name, NULL, "line %zu has %zu cell%s, the lines before have %zu", c->number,
                    c->n_cells, S(c->n_cells), t->n_columns);
  size_t used = t->n_rows * t->n_columns;
  t->cells = cli_grow(t->cells, &c->values_capacity, used + c->n_cells, sizeof *t->cells);
  for (size_t i = 0; i < c->n_cells; i++) {
    const char *text = c->cells[i].text;
    double *value = &t->cells[used + i];
    *value = NAN;
    if (is_missing(c, text)) continue;
    if (!cli_parse_number(text, value))
      return fail_not_number(c, i,
                             strchr(text, ',') ? "Decimals are written with a point: 1.5"
                             : *text           ? NULL
                                               : "Give it a value, or train with --missing mask.");
    if (!isfinite(*value))
      return fail_at(
          c, i, "Remove such rows, or replace the value; --missing mask trains on nan as a missing value.",
          "not a finite number:", text);
  }
  t->n_rows++;
  return true;
}

static bool read_rows(csv *c) {
  int more = next_line(c);
  if (more > 0) {
    if (!cut_line(c)) return false;
    int names = has_names(c);
    if (names < 0) return false;
    if (names) {
      keep_names(c);
      c->t->n_columns = c->n_cells;
    } else if (!add_row(c)) {
      return false;
    }
  }
  while (more > 0 && (more = next_line(c)) > 0)
    if (!cut_line(c) || !add_row(c)) return false;
  if (more < 0) return false;
  if (c->t->n_rows > 0) return true;
  return cli_fail(c->t->name, NULL, c->names_line ? "only column names, no rows" : "no rows");
}

bool csv_read(FILE *file, bool missing, table *t) {
  csv c = {.file = file, .t = t, .missing = missing};
  bool ok = read_rows(&c);
  free(c.line);
  free(c.cells);
  if (!ok) return false;
  strcpy(t->dtype, "f8");
  if (t->n_columns > 1) {
    t->trailing[0] = t->n_columns;
    t->n_trailing = 1;
  }
  return true;
}

/* ---- writing --------------------------------------------------------------------------------------- */

/* The fewest digits that read back as the same number. */
static int print_exactly(char *text, double value, bool single) {
  const int least = single ? 6 : 15, most = single ? 9 : 17;
  int n = 0;
  for (int digits = least; digits <= most; digits++) {
    n = snprintf(text, CSV_CELL_MAX, "%.*g", digits, value);
    if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
  }
  return n;
}

size_t csv_encode(const double *cells, size_t n_rows, size_t n_columns, bool single, char *text) {
  char *at = text;
  for (size_t i = 0; i < n_rows * n_columns; i++) {
    at += print_exactly(at, single ? (double)(float)cells[i] : cells[i], single);
    *at++ = (i + 1) % n_columns ? ',' : '\n';
  }
  return (size_t)(at - text);
}
