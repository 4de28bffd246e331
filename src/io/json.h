/* json.h - reading JSON whose layout is known beforehand, strictly, and the UTF-8 that it is made of.

   The text is cut into tokens (by jsmn) and then asked for piece by piece: "now an object, now a key, now a
   number". Whatever is not asked for, and every byte between tokens that is not the one right separator, is
   an error; so no more than the asked-for layout is ever accepted. */
#ifndef FMI_JSON_H
#define FMI_JSON_H

#include "core/core.h"

#define FMI_JSON_DEPTH 3 /* objects and arrays within each other, the outermost included */

typedef struct fmi_json {
  fmi_memory *memory;
  fmi_error *err;
  const char *text;
  size_t length;
  void *tokens;
  size_t n_tokens;
  size_t next;                /* token to be asked for */
  size_t at;                  /* byte after what was read */
  char separator;             /* that must stand between `at` and the next token: ',' ':' or 0 for none */
  unsigned depth;             /* containers entered and not left */
  size_t end[FMI_JSON_DEPTH]; /* byte after each of them */
} fmi_json;

/* All that can fail return FM_E_FORMAT with the byte and what was expected there (opening also FM_E_NOMEM).
   text must outlive the reader. Close also after a failure to open. */
fm_status fmi_json_open(fmi_json *json, fmi_memory *memory, const char *text, size_t length, fmi_error *err);
void fmi_json_close(fmi_json *json);

/* The most members of any one object within the outermost. */
size_t fmi_json_widest(const fmi_json *json);

fm_status fmi_json_enter_object(fmi_json *json, size_t *n_members);
fm_status fmi_json_enter_array(fmi_json *json, size_t *n_elements);
fm_status fmi_json_leave(fmi_json *json); /* the object or array entered last: nothing may be left in it */
fm_status fmi_json_end(fmi_json *json);   /* nothing but white space may follow */

/* Writes the text at *out, unescaped and with a NUL, and moves *out behind it. All texts of a document
   together need no more room than the document. A text that holds U+0000 is an error. */
fm_status fmi_json_key(fmi_json *json, char **out, const char **text);
fm_status fmi_json_string(fmi_json *json, char **out, const char **text);
fm_status fmi_json_u64(fmi_json *json, uint64_t *value);

/* Bytes of the well-formed UTF-8 sequence that text begins with, 1 .. 4; 0 if it begins with none. */
size_t fmi_utf8_sequence(const char *text, size_t length);
bool fmi_utf8_valid(const char *text, size_t length);

/* The beginning of a text, fit for a message: whole characters, '?' for what is not printable. Returns out.
 */
#define FMI_SHOWN 84
const char *fmi_shown(char out[FMI_SHOWN], const char *text);

#endif
