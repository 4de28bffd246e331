/* curve_note.c - how the loss went, thinned to a text that a model carries as a note. */
#include "cli/curve_note.h"

#include "cli/output.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- points ---------------------------------------------------------------------------------------- */

/* To the digits of the text, so that a curve that was written and read goes on as if it hadn't been. */
static double rounded(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.4g", value);
  return strtod(text, NULL);
}

/* The steps that stay are multiples of twice the distance. */
static void thin_loss(curve_note *c) {
  size_t from = c->first % (2 * c->every) == 0 ? 0 : 1, n = 0;
  c->first += from * c->every;
  c->every *= 2;
  for (size_t i = from; i < c->n_loss; i += 2) c->loss[n++] = c->loss[i];
  c->n_loss = n;
}

static void thin_held_out(curve_note *c) {
  size_t n = 0;
  for (size_t i = 1; i < c->n_held_out; i += 2, n++) {
    c->held_out_step[n] = c->held_out_step[i];
    c->held_out[n] = c->held_out[i];
  }
  c->n_held_out = n;
}

static void add_loss(curve_note *c, uint64_t step, double loss) {
  if (c->every == 0) c->every = 1;
  if (step % c->every != 0 || !isfinite(loss)) return;
  if (step > c->first + c->n_loss * c->every) c->n_loss = 0; /* steps between are not known: begin here */
  if (c->n_loss == 0) c->first = step;
  if (step < c->first + c->n_loss * c->every) return; /* it is there */
  c->loss[c->n_loss++] = rounded(loss);
  if (c->n_loss == CURVE_POINTS) thin_loss(c);
}

static void add_held_out(curve_note *c, uint64_t step, double loss) {
  if (!(loss > 0) || !isfinite(loss) || loss == c->last_held_out) return;
  bool was_read = c->last_held_out == 0; /* then the last loss is known by its digits alone */
  c->last_held_out = loss;
  loss = rounded(loss);
  if (was_read && c->n_held_out > 0 && c->held_out[c->n_held_out - 1] == loss) return;
  c->held_out_step[c->n_held_out] = step;
  c->held_out[c->n_held_out++] = loss;
  if (c->n_held_out == CURVE_HELD_OUT) thin_held_out(c);
}

void curve_note_add(curve_note *c, uint64_t step, double mean_loss, double held_out) {
  add_loss(c, step, mean_loss);
  add_held_out(c, step, held_out);
}

/* ---- text ------------------------------------------------------------------------------------------ */

/* At most 160 losses of 11 characters with their blanks, 64 pairs of 32, and the words: it fits. */
void curve_note_write(const curve_note *c, char text[CURVE_TEXT]) {
  int n = snprintf(text, CURVE_TEXT, "every %llu from %llu loss", (unsigned long long)c->every,
                   (unsigned long long)c->first);
  for (size_t i = 0; i < c->n_loss; i++) n += snprintf(text + n, CURVE_TEXT - (size_t)n, " %.4g", c->loss[i]);
  if (c->n_held_out > 0) n += snprintf(text + n, CURVE_TEXT - (size_t)n, " held_out");
  for (size_t i = 0; i < c->n_held_out; i++)
    n += snprintf(text + n, CURVE_TEXT - (size_t)n, " %llu %.4g", (unsigned long long)c->held_out_step[i],
                  c->held_out[i]);
}

static bool read_word(const char **text, const char *word) {
  size_t n = strlen(word);
  *text += strspn(*text, " ");
  if (strncmp(*text, word, n) != 0) return false;
  *text += n;
  return true;
}

static bool read_count(const char **text, uint64_t *value) {
  char *end;
  *value = strtoull(*text, &end, 10);
  bool ok = end != *text;
  *text = end;
  return ok;
}

static bool read_loss(const char **text, double *value) {
  char *end;
  *value = strtod(*text, &end);
  bool ok = end != *text && isfinite(*value);
  *text = end;
  return ok;
}

bool curve_note_read(curve_note *c, const char *text) {
  curve_note r = {0};
  double loss;
  if (!read_word(&text, "every") || !read_count(&text, &r.every) || !read_word(&text, "from") ||
      !read_count(&text, &r.first) || !read_word(&text, "loss") || r.every == 0)
    return false;
  while (read_loss(&text, &loss)) {
    if (r.n_loss + 1 == CURVE_POINTS) return false;
    r.loss[r.n_loss++] = loss;
  }
  if (read_word(&text, "held_out"))
    while (text[strspn(text, " ")] != '\0') {
      if (r.n_held_out + 1 == CURVE_HELD_OUT || !read_count(&text, &r.held_out_step[r.n_held_out]) ||
          !read_loss(&text, &r.held_out[r.n_held_out]))
        return false;
      r.n_held_out++;
    }
  if (text[strspn(text, " ")] != '\0') return false;
  *c = r;
  return true;
}

/* ---- beside a checkpoint --------------------------------------------------------------------------- */

static char *file_beside(const char *checkpoint) {
  size_t room = strlen(checkpoint) + sizeof ".loss";
  char *file = cli_alloc(room, 1);
  snprintf(file, room, "%s.loss", checkpoint);
  return file;
}

void curve_note_save(const curve_note *c, const char *checkpoint) {
  char text[CURVE_TEXT], *file = file_beside(checkpoint);
  output out;
  curve_note_write(c, text);
  if (output_open(&out, file)) {
    if (output_write(&out, text, strlen(text)))
      output_commit(&out);
    else
      output_abort(&out);
  }
  free(file);
}

void curve_note_load(curve_note *c, const char *checkpoint, uint64_t step) {
  char text[CURVE_TEXT], *name = file_beside(checkpoint);
  FILE *file = fopen(name, "rb");
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[n] = '\0';
  if (file) fclose(file);
  free(name);
  if (!curve_note_read(c, text)) memset(c, 0, sizeof *c);
  while (c->n_loss > 0 && c->first + (c->n_loss - 1) * c->every > step) c->n_loss--;
  while (c->n_held_out > 0 && c->held_out_step[c->n_held_out - 1] > step) c->n_held_out--;
}
