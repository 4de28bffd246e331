/* note.h - what a model carries beside its weights, for sampling and for who looks into it. */
#ifndef CLI_NOTE_H
#define CLI_NOTE_H

#include "cli/cli.h"

/* Gives *model a note; a failure is reported. */
bool add_note(fm_ctx *ctx, fm_model **model, const char *key, const char *value);
bool add_number(fm_ctx *ctx, fm_model **model, const char *key, double value);

#endif
