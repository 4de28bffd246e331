/* labels.h - a class for every row of a table. */
#ifndef CLI_LABELS_H
#define CLI_LABELS_H

#include "cli/drawing.h"

/* Reads the classes of the drawing's n rows from a file with a column for every class column; NULL: there is
   none. A failure is reported. */
bool labels_read(drawing *d, const char *file);

#endif
