/* json.c - see json.h. jsmn finds the tokens, without memory of its own, but is lenient about what stands
   between them; the reader here makes up for that. */
#include "io/json.h"

#include "io/safetensors.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS /* without them closing a bracket takes a scan over all tokens */
#include <jsmn.h>

#include <limits.h>

static fm_status expected(const fmi_json *json, size_t at, const char *what) {
  return fmi_fail(json->err, FM_E_FORMAT, "JSON header, byte %zu: expected %s", at, what);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* ---- UTF-8 -------------------------------------------------------------------------------------- */

/* By the table of well-formed sequences in the Unicode standard (3-7): no overlong forms, no surrogates,
   nothing above U+10FFFF. Only the second byte's range depends on the first. */
size_t fmi_utf8_sequence(const char *text, size_t length) {
  const unsigned char *s = (const unsigned char *)text;
  if (length == 0) return 0;
  if (s[0] < 0x80) return 1;
  size_t n = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
  if (n == 0 || n > length) return 0;
  unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
  unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
  if (s[1] < low || s[1] > high) return 0;
  for (size_t i = 2; i < n; i++)
    if (s[i] < 0x80 || s[i] > 0xbf) return 0;
  return n;
}

bool fmi_utf8_valid(const char *text, size_t length) {
  for (size_t i = 0, n; i < length; i += n)
    if ((n = fmi_utf8_sequence(text + i, length - i)) == 0) return false;
  return true;
}

const char *fmi_shown(char out[FMI_SHOWN], const char *text) {
  size_t length = strlen(text), used = 0;
  for (size_t i = 0; i < length;) {
    size_t n = fmi_utf8_sequence(text + i, length - i);
    bool plain = n > 1 || (n == 1 && text[i] >= ' ' && text[i] != 0x7f);
    if (n == 0) n = 1;
    if (used + n + sizeof "..." > FMI_SHOWN) {
      memcpy(out + used, "...", 3);
      used += 3;
      break;
    }
    if (plain)
      memcpy(out + used, text + i, n);
    else
      out[used] = '?';
    used += n;
    i += n;
  }
  out[used] = '\0';
  return out;
}

static char *put_utf8(char *out, uint32_t code) {
  static const unsigned char lead[] = {0x00, 0xc0, 0xe0, 0xf0};
  int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes after the first */
  *out++ = (char)(lead[more] | code >> (6 * more));
  while (more-- > 0) *out++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
  return out;
}

/* ---- tokens ------------------------------------------------------------------------------------- */

/* What jsmn doesn't look at: the encoding, control characters, and the depth, which bounds how far it walks
   to find an opening bracket. */
static fm_status check_characters(const fmi_json *json) {
  bool in_string = false;
  unsigned depth = 0;
  for (size_t i = 0, n; i < json->length; i += n) {
    char c = json->text[i];
    n = fmi_utf8_sequence(json->text + i, json->length - i);
    if (n == 0) return expected(json, i, "UTF-8");
    if ((unsigned char)c < ' ') {
      if (in_string || !is_space(c)) return expected(json, i, "no control character");
    } else if (in_string) {
      if (c == '"') in_string = false;
      if (c == '\\' && i + 1 < json->length && memchr("\"\\", json->text[i + 1], 2) != NULL) n = 2;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > FMI_JSON_DEPTH) return expected(json, i, "no deeper nesting");
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
  }
  return FM_OK;
}

fm_status fmi_json_open(fmi_json *json, fmi_memory *memory, const char *text, size_t length, fmi_error *err) {
  *json = (fmi_json){.memory = memory, .err = err, .text = text, .length = length};
  if (length > INT_MAX) return fmi_fail(err, FM_E_FORMAT, "JSON header: %zu bytes are too many", length);
  FMI_TRY(check_characters(json));
  jsmn_parser parser;
  jsmn_init(&parser);
  int n = jsmn_parse(&parser, text, length, NULL, 0);
  if (n > 0) {
    json->tokens = fmi_alloc(memory, (size_t)n, sizeof(jsmntok_t), err);
    if (json->tokens == NULL) return FM_E_NOMEM;
    jsmn_init(&parser);
    n = jsmn_parse(&parser, text, length, json->tokens, (unsigned)n);
  }
  if (n < 0) return expected(json, parser.pos, n == JSMN_ERROR_PART ? "more: it ends too early" : "JSON");
  json->n_tokens = (size_t)n;
  return FM_OK;
}

void fmi_json_close(fmi_json *json) {
  fmi_free(json->memory, json->tokens);
  json->tokens = NULL;
}

size_t fmi_json_widest(const fmi_json *json) {
  const jsmntok_t *tokens = json->tokens;
  size_t widest = 0;
  for (size_t i = 1; i < json->n_tokens; i++)
    if (tokens[i].type == JSMN_OBJECT) widest = fmi_max(widest, (size_t)tokens[i].size);
  return widest;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static const char *separator_name(char separator) {
  return separator == ':' ? "':'" : separator == ',' ? "','" : "nothing but white space";
}

/* Goes from `at` to `to`, over white space and the separator. */
static fm_status pass_separator(const fmi_json *json, size_t to) {
  bool found = json->separator == 0;
  for (size_t i = json->at; i < to; i++) {
    char c = json->text[i];
    if (!found && c == json->separator)
      found = true;
    else if (!is_space(c))
      return expected(json, i, separator_name(found ? 0 : json->separator));
  }
  return found ? FM_OK : expected(json, to, separator_name(json->separator));
}

/* The next token, which must be of this type; NULL if it is not. */
static const jsmntok_t *take(fmi_json *json, jsmntype_t type, const char *what) {
  if (json->next == json->n_tokens) {
    expected(json, json->at, what);
    return NULL;
  }
  const jsmntok_t *token = (const jsmntok_t *)json->tokens + json->next;
  size_t quote = token->type == JSMN_STRING;
  size_t start = (size_t)token->start - quote;
  if (pass_separator(json, start) != FM_OK) return NULL;
  if (token->type != type) {
    expected(json, start, what);
    return NULL;
  }
  json->next++;
  json->at = (size_t)token->end + quote;
  json->separator = ',';
  return token;
}

static fm_status enter(fmi_json *json, jsmntype_t type, const char *what, size_t *n_children) {
  const jsmntok_t *token = take(json, type, what);
  if (token == NULL) return FM_E_FORMAT;
  json->end[json->depth++] = json->at; /* check_characters bounds the depth */
  json->at = (size_t)token->start + 1;
  json->separator = 0;
  *n_children = (size_t)token->size;
  return FM_OK;
}

fm_status fmi_json_enter_object(fmi_json *json, size_t *n_members) {
  return enter(json, JSMN_OBJECT, "an object", n_members);
}

fm_status fmi_json_enter_array(fmi_json *json, size_t *n_elements) {
  return enter(json, JSMN_ARRAY, "an array", n_elements);
}

fm_status fmi_json_leave(fmi_json *json) {
  size_t end = json->end[--json->depth];
  json->separator = 0;
  FMI_TRY(pass_separator(json, end - 1));
  json->at = end;
  json->separator = ',';
  return FM_OK;
}

fm_status fmi_json_end(fmi_json *json) {
  json->separator = 0;
  return pass_separator(json, json->length);
}

static bool read_hex4(const char *text, size_t length, uint32_t *code) {
  if (length < 4) return false;
  *code = 0;
  for (int i = 0; i < 4; i++) {
    char c = text[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return false;
    *code = *code << 4 | (uint32_t)digit;
  }
  return true;
}

/* Reads the escape that text begins with, a backslash, and a second one where it is half of a surrogate
   pair. Returns the bytes read, 0 if it is none, or one that gives U+0000. */
static size_t read_escape(const char *text, size_t length, uint32_t *code) {
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  if (length < 2) return 0;
  const char *letter = memchr(letters, text[1], sizeof letters - 1);
  if (letter != NULL) {
    *code = (uint32_t)meanings[letter - letters];
    return 2;
  }
  if (text[1] != 'u' || !read_hex4(text + 2, length - 2, code) || *code == 0) return 0;
  if (*code < 0xd800 || *code > 0xdfff) return 6;
  uint32_t second;
  if (*code > 0xdbff || length < 12 || text[6] != '\\' || text[7] != 'u') return 0;
  if (!read_hex4(text + 8, length - 8, &second) || second < 0xdc00 || second > 0xdfff) return 0;
  *code = 0x10000 + ((*code - 0xd800) << 10 | (second - 0xdc00));
  return 12;
}

/* No escape is shorter than what it stands for, and a token's two quotes make room for the NUL. */
static fm_status read_text(fmi_json *json, const char *what, char **out, const char **text) {
  const jsmntok_t *token = take(json, JSMN_STRING, what);
  if (token == NULL) return FM_E_FORMAT;
  char *to = *out;
  size_t end = (size_t)token->end;
  for (size_t i = (size_t)token->start; i < end;) {
    if (json->text[i] != '\\') {
      *to++ = json->text[i++];
      continue;
    }
    uint32_t code;
    size_t n = read_escape(json->text + i, end - i, &code);
    if (n == 0) return expected(json, i, "an escape of a Unicode character other than U+0000");
    to = put_utf8(to, code);
    i += n;
  }
  *to++ = '\0';
  *text = *out;
  *out = to;
  return FM_OK;
}

fm_status fmi_json_key(fmi_json *json, char **out, const char **text) {
  FMI_TRY(read_text(json, "a key", out, text));
  json->separator = ':';
  return FM_OK;
}

fm_status fmi_json_string(fmi_json *json, char **out, const char **text) {
  return read_text(json, "a string", out, text);
}

fm_status fmi_json_u64(fmi_json *json, uint64_t *value) {
  static const char what[] = "an integer, 0 to 2^64 - 1";
  const jsmntok_t *token = take(json, JSMN_PRIMITIVE, what);
  if (token == NULL) return FM_E_FORMAT;
  if (!fmi_text_span_to_u64(json->text + token->start, (size_t)(token->end - token->start), value))
    return expected(json, (size_t)token->start, what);
  return FM_OK;
}
