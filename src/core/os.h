/* os.h - all that differs between operating systems: clock, threads and files. os.c is for POSIX, os_windows.c
   for Windows. */
#ifndef FMI_OS_H
#define FMI_OS_H

#include "core/core.h"

#include <stdarg.h>

double fmi_os_seconds(void);    /* a monotonic clock */
long long fmi_os_process(void); /* this process's number; another one in a forked child */
/* vsnprintf with a point in numbers whatever the host's locale writes. */
void fmi_os_print(char *text, size_t bytes, const char *format, va_list arguments);

/* ---- threads; pool.c alone uses them ------------------------------------------------------------ */

#ifdef _WIN32
typedef struct fmi_os_mutex {
  void *lock; /* an SRWLOCK, whose header brings all of Windows */
} fmi_os_mutex;
typedef struct fmi_os_cond {
  void *variable; /* a CONDITION_VARIABLE */
} fmi_os_cond;
typedef void *fmi_os_thread_id; /* a HANDLE */
#else
#include <pthread.h>
typedef pthread_mutex_t fmi_os_mutex;
typedef pthread_cond_t fmi_os_cond;
typedef pthread_t fmi_os_thread_id;
#endif

void fmi_os_mutex_init(fmi_os_mutex *mutex);
void fmi_os_mutex_destroy(fmi_os_mutex *mutex);
void fmi_os_lock(fmi_os_mutex *mutex);
void fmi_os_unlock(fmi_os_mutex *mutex);

void fmi_os_cond_init(fmi_os_cond *cond);
void fmi_os_cond_destroy(fmi_os_cond *cond);
void fmi_os_wait(fmi_os_cond *cond, fmi_os_mutex *mutex); /* may wake for no reason */
void fmi_os_wake_one(fmi_os_cond *cond);
void fmi_os_wake_all(fmi_os_cond *cond);

typedef struct fmi_os_thread {
  fmi_os_thread_id id;
  void (*run)(void *arg);
  void *arg;
} fmi_os_thread;
/* Runs `run(arg)` in a thread that leaves the process's signals to others. *thread must stay where it is
   until it is joined. false: there are too many. */
bool fmi_os_thread_start(fmi_os_thread *thread, void (*run)(void *arg), void *arg);
void fmi_os_thread_join(fmi_os_thread *thread);
void fmi_os_yield(void); /* lets another thread have the processor */

/* ---- files -------------------------------------------------------------------------------------- */

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
  intptr_t fd; /* a descriptor, or a HANDLE; -1: none */
  char file[4096];
  char temporary[4096];
} fmi_os_writer;
fm_status fmi_os_write_begin(fmi_os_writer *writer, const char *file, fmi_error *err);
fm_status fmi_os_write(fmi_os_writer *writer, const void *bytes, size_t n_bytes, fmi_error *err);
fm_status fmi_os_write_commit(fmi_os_writer *writer, fmi_error *err); /* on failure the temporary is gone */
void fmi_os_write_abort(fmi_os_writer *writer);

/* What the systems' writers share (os_name.c). The first begins a writer for the file, whose name's first
   `folder` bytes are its folder; the second names the temporary beside it by words that hardly come twice. */
#define FMI_OS_TEMPORARY_NAME sizeof ".flowmatch-0123456789abcdef.tmp"
fm_status fmi_os_name_writer(fmi_os_writer *writer, const char *file, size_t folder, fmi_error *err);
void fmi_os_name_temporary(fmi_os_writer *writer, size_t folder, const uint64_t *words, size_t n);
#endif
