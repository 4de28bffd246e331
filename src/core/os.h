/* os.h - all that differs between operating systems: threads are in pool.c; clock and files here. */
#ifndef FMI_OS_H
#define FMI_OS_H

#include "core/core.h"

#include <stdarg.h>

double fmi_os_seconds(void);    /* a monotonic clock */
long long fmi_os_process(void); /* this process's number; another one in a forked child */
/* vsnprintf with a point in numbers whatever the host's locale writes. */
void fmi_os_print(char *text, size_t bytes, const char *format, va_list arguments);

/* Reads a whole regular file into a block of `memory`. */
fm_status fmi_os_read_file(fmi_memory *memory, const char *file, void **bytes, size_t *n_bytes,
                           fmi_error *err);

/* Maps a whole regular file for reading. Its pages are the system's cache, not this process's memory; the
   file must not shrink meanwhile. */
fm_status fmi_os_map(const char *file, const void **bytes, size_t *n_bytes, fmi_error *err);
void fmi_os_unmap(const void *bytes, size_t n_bytes);

/* Writing so that a crash leaves the old file or the new one, never a torn one: a temporary in the same
   folder, fsync, rename, fsync of the folder. Nothing is allocated. */
typedef struct fmi_os_writer {
  int fd;
  char file[4096];
  char temporary[4096];
} fmi_os_writer;
fm_status fmi_os_write_begin(fmi_os_writer *writer, const char *file, fmi_error *err);
fm_status fmi_os_write(fmi_os_writer *writer, const void *bytes, size_t n_bytes, fmi_error *err);
fm_status fmi_os_write_commit(fmi_os_writer *writer, fmi_error *err); /* on failure the temporary is gone */
void fmi_os_write_abort(fmi_os_writer *writer);
#endif
