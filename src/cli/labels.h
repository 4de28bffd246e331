/* labels.h - a class for every row of a table. */
#ifndef CLI_LABELS_H
#define CLI_LABELS_H

#include "cli/args.h"
#include "cli/drawing.h"

/* Reads the classes of the drawing's n rows from a file with a column for every class column; NULL: there is
   none. A failure is reported. */
bool labels_read(drawing *d, const char *file);

/* What says which classes and condition the rows of DATA have; offsets of texts. */
#define ROW_CONDITION_OPTIONS(label_file, label, cond)                                                        \
  {OPTION_HEADING, 0, NULL, NULL, 0, 0, 0, "What rows depend on, if the model was trained with it"},          \
      {OPTION_TEXT, 0, "labels", "FILE",                                                                      \
       label_file,  0, 0,        "classes, a row for each of DATA, as for training; -1: none in particular"}, \
      {OPTION_TEXT, 0, "label", "K", label, 0, 0, "a class for all rows, as for sampling"}, {                 \
    OPTION_TEXT, 0, "cond", "X,Y...", cond, 0, 0, "the condition of all rows, or a file with a row for each"  \
  }

/* Whether the words are a model and its DATA, with one way to say classes; -1, or args_wrong's exit code. */
int row_words_check(const command *c, const word_list *files, const char *label, const char *label_file);

#endif
