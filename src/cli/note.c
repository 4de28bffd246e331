/* note.c - what a model carries beside its weights. */
#include "cli/note.h"

#include <stdio.h>

bool add_note(fm_ctx *ctx, fm_model **model, const char *key, const char *value) {
  fm_model *noted = NULL;
  if (!cli_check(ctx, fm_model_with_note(ctx, *model, key, value, &noted), "the model's notes", NULL))
    return false;
  fm_model_destroy(*model);
  *model = noted;
  return true;
}

bool add_number(fm_ctx *ctx, fm_model **model, const char *key, double value) {
  char text[40];
  snprintf(text, sizeof text, "%.10g", value);
  return add_note(ctx, model, key, text);
}
