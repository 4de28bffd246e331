/* os.c - clock, threads and files on POSIX. Nothing here keeps state between calls, so any thread may call it. */
#define _FILE_OFFSET_BITS 64 /* files over 2 GiB on 32-bit machines; no effect elsewhere */
#include "core/os.h"

#ifndef _WIN32

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Some systems refuse, and Linux shortens, a single transfer of 2 GiB or more. */
#define MAX_TRANSFER ((size_t)1 << 30)

/* Names tried for a temporary. They are 64 random-like bits, so a second one is already rare. */
#define MAX_NAMES 100

double fmi_os_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

long long fmi_os_process(void) { return getpid(); }

void fmi_os_print(char *text, size_t bytes, const char *format, va_list arguments) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* known to every system: not allocated */
  locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
  vsnprintf(text, bytes, format, arguments);
  if (plain == (locale_t)0) return;
  uselocale(before); /* of this thread alone; may be LC_GLOBAL_LOCALE */
  freelocale(plain);
}

/* ---- threads ------------------------------------------------------------------------------------ */

void fmi_os_mutex_init(fmi_os_mutex *mutex) { pthread_mutex_init(mutex, NULL); }
void fmi_os_mutex_destroy(fmi_os_mutex *mutex) { pthread_mutex_destroy(mutex); }
void fmi_os_lock(fmi_os_mutex *mutex) { pthread_mutex_lock(mutex); }
void fmi_os_unlock(fmi_os_mutex *mutex) { pthread_mutex_unlock(mutex); }

void fmi_os_cond_init(fmi_os_cond *cond) { pthread_cond_init(cond, NULL); }
void fmi_os_cond_destroy(fmi_os_cond *cond) { pthread_cond_destroy(cond); }
void fmi_os_wait(fmi_os_cond *cond, fmi_os_mutex *mutex) { pthread_cond_wait(cond, mutex); }
void fmi_os_wake_one(fmi_os_cond *cond) { pthread_cond_signal(cond); }
void fmi_os_wake_all(fmi_os_cond *cond) { pthread_cond_broadcast(cond); }

/* All signals that a process is sent. Those by which a thread learns of its own fault stay: blocked, they end
   the process without the handler that a host may have for them. */
static void fill_process_signals(sigset_t *set) {
  static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  sigfillset(set);
  for (size_t i = 0; i < FMI_COUNT(own_faults); i++) sigdelset(set, own_faults[i]);
}

static void *run_thread(void *argument) {
  fmi_os_thread *thread = argument;
  thread->run(thread->arg);
  return NULL;
}

bool fmi_os_thread_start(fmi_os_thread *thread, void (*run)(void *arg), void *arg) {
  thread->run = run;
  thread->arg = arg;
  sigset_t blocked, mask;
  fill_process_signals(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &mask); /* threads inherit the mask */
  const bool started = pthread_create(&thread->id, NULL, run_thread, thread) == 0;
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  return started;
}

void fmi_os_thread_join(fmi_os_thread *thread) { pthread_join(thread->id, NULL); }
void fmi_os_yield(void) { sched_yield(); }

/* ---- files -------------------------------------------------------------------------------------- */

/* Says which operation failed on which file, and the system's reason. A long name is shown by its end, which
   tells files apart and leaves room for the reason. */
static fm_status io_error(fmi_error *err, const char *operation, const char *file, int code) {
  enum { SHOWN = 300 };
  char reason[128];
  if (strerror_r(code, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "error %d", code);
  size_t length = strlen(file);
  size_t skipped = length > SHOWN ? length - SHOWN : 0;
  return fmi_fail(err, FM_E_IO, "cannot %s '%s%s': %s", operation, skipped ? "..." : "", file + skipped,
                  reason);
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* Reads until n_bytes or the end of the file. *n_read tells which. Returns 0 or errno. */
static int read_fully(int fd, void *bytes, size_t n_bytes, size_t *n_read) {
  *n_read = 0;
  while (*n_read < n_bytes) {
    ssize_t n = read(fd, (char *)bytes + *n_read, fmi_min(n_bytes - *n_read, MAX_TRANSFER));
    if (n == 0) return 0;
    if (n > 0)
      *n_read += (size_t)n;
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

/* Reads `size` bytes and makes sure that they are all there is: another process may be writing the file. */
static fm_status read_exactly(int fd, const char *file, void *bytes, size_t size, fmi_error *err) {
  size_t n_read, n_more;
  char more;
  int code = read_fully(fd, bytes, size, &n_read);
  if (code == 0) code = read_fully(fd, &more, 1, &n_more);
  if (code != 0) return io_error(err, "read", file, code);
  if (n_read < size || n_more != 0)
    return fmi_fail(err, FM_E_IO, "cannot read '%.300s': its size changed from %zu bytes meanwhile", file,
                    size);
  return FM_OK;
}

static fm_status size_of_open_file(int fd, const char *file, size_t *size, fmi_error *err) {
  struct stat info;
  if (fstat(fd, &info) != 0) return io_error(err, "examine", file, errno);
  if (S_ISDIR(info.st_mode)) return io_error(err, "read", file, EISDIR);
  if (!S_ISREG(info.st_mode))
    return fmi_fail(err, FM_E_IO, "cannot read '%.300s': it is not a regular file", file);
  if ((uintmax_t)info.st_size > SIZE_MAX)
    return fmi_fail(err, FM_E_NOMEM, "cannot read '%.300s': it is larger than memory can be", file);
  *size = (size_t)info.st_size;
  return FM_OK;
}

static fm_status read_open_file(fmi_memory *memory, int fd, const char *file, void **bytes, size_t *n_bytes,
                                fmi_error *err) {
  size_t size;
  FMI_TRY(size_of_open_file(fd, file, &size, err));
  void *block = fmi_alloc(memory, size, 1, err);
  if (block == NULL) return FM_E_NOMEM;
  fm_status status = read_exactly(fd, file, block, size, err);
  if (status != FM_OK) {
    fmi_free(memory, block);
    return status;
  }
  *bytes = block;
  *n_bytes = size;
  return FM_OK;
}

/* open(), again where a signal came in between. */
static int open_file(const char *file, int flags, mode_t mode) {
  int fd;
  do fd = open(file, flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

fm_status fmi_os_read_file(fmi_memory *memory, const char *file, void **bytes, size_t *n_bytes,
                           fmi_error *err) {
  /* O_NONBLOCK: opening a FIFO must fail the test for a regular file, not wait for its other end. */
  int fd = open_file(file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return io_error(err, "open", file, errno);
  fm_status status = read_open_file(memory, fd, file, bytes, n_bytes, err);
  close(fd);
  return status;
}

fm_status fmi_os_map(const char *file, const void **bytes, size_t *n_bytes, fmi_error *err) {
  size_t size = 0;
  int fd = open_file(file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) return io_error(err, "open", file, errno);
  fm_status status = size_of_open_file(fd, file, &size, err);
  if (status == FM_OK && size == 0)
    status = fmi_fail(err, FM_E_FORMAT, "cannot map '%.300s': it is empty", file);
  void *map = status == FM_OK ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
  if (status == FM_OK && map == MAP_FAILED) status = io_error(err, "map", file, errno);
  close(fd);
  if (status != FM_OK) return status;
  *bytes = map;
  *n_bytes = size;
  return FM_OK;
}

void fmi_os_unmap(const void *bytes, size_t n_bytes) { munmap((void *)(uintptr_t)bytes, n_bytes); }

/* ---- writing ------------------------------------------------------------------------------------ */

/* The part of a file's name up to and including the last '/': empty for a name in the current folder. */
static size_t folder_length(const char *file) {
  const char *slash = strrchr(file, '/');
  return slash == NULL ? 0 : (size_t)(slash - file) + 1;
}

/* By words that differ between processes, writers and tries, from no global state. O_EXCL does the rest. */
static void name_temporary(fmi_os_writer *writer, size_t folder, unsigned attempt) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t words[] = {(uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, (uint64_t)getpid(), (uintptr_t)writer,
                      attempt};
  fmi_os_name_temporary(writer, folder, words, FMI_COUNT(words));
}

fm_status fmi_os_write_begin(fmi_os_writer *writer, const char *file, fmi_error *err) {
  const size_t folder = folder_length(file);
  FMI_TRY(fmi_os_name_writer(writer, file, folder, err));
  for (unsigned attempt = 0; writer->fd < 0; attempt++) {
    name_temporary(writer, folder, attempt);
    writer->fd = open_file(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0666);
    if (writer->fd < 0 && (errno != EEXIST || attempt == MAX_NAMES)) {
      int code = errno;
      writer->temporary[0] = '\0'; /* not ours: never remove it */
      return io_error(err, "create a file beside", file, code);
    }
  }
  return FM_OK;
}

void fmi_os_write_abort(fmi_os_writer *writer) {
  if (writer->fd >= 0) close((int)writer->fd);
  if (writer->temporary[0] != '\0') unlink(writer->temporary);
  writer->fd = -1;
  writer->temporary[0] = '\0';
}

/* Ends the writer because of errno's value `code`. */
static fm_status give_up(fmi_os_writer *writer, const char *operation, int code, fmi_error *err) {
  fmi_os_write_abort(writer);
  return io_error(err, operation, writer->file, code);
}

fm_status fmi_os_write(fmi_os_writer *writer, const void *bytes, size_t n_bytes, fmi_error *err) {
  for (const char *at = bytes; n_bytes > 0;) {
    ssize_t n = write((int)writer->fd, at, fmi_min(n_bytes, MAX_TRANSFER));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return give_up(writer, "write", n < 0 ? errno : EIO, err);
    at += n;
    n_bytes -= (size_t)n;
  }
  return FM_OK;
}

/* fsync, again where a signal came in between. Returns 0 or errno. */
static int sync_file(int fd) {
  while (fsync(fd) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

/* Opens the folder of `file`, whose entry becomes durable by fsync of the folder. -1 with errno. */
static int open_folder(const fmi_os_writer *writer) {
  char folder[sizeof writer->file];
  size_t length = folder_length(writer->file);
  if (length == 0) return open_file(".", O_RDONLY | O_DIRECTORY, 0);
  memcpy(folder, writer->file, length);
  folder[length] = '\0';
  return open_file(folder, O_RDONLY | O_DIRECTORY, 0);
}

fm_status fmi_os_write_commit(fmi_os_writer *writer, fmi_error *err) {
  int code = sync_file((int)writer->fd);
  if (code != 0) return give_up(writer, "write", code, err);
  int closed = close((int)writer->fd);
  writer->fd = -1; /* it is gone even where close failed */
  if (closed != 0 && errno != EINTR) return give_up(writer, "write", errno, err);

  /* Opened before the rename, so that failing here still leaves the old file. A folder that may be written
     but not read is legal and can't be synchronised: the file is whole, when its name is durable is unknown.
   */
  int folder = open_folder(writer);
  if (folder < 0 && errno != EACCES) return give_up(writer, "open the folder of", errno, err);
  if (rename(writer->temporary, writer->file) != 0) {
    code = errno;
    if (folder >= 0) close(folder);
    return give_up(writer, "replace", code, err);
  }
  writer->temporary[0] = '\0';
  if (folder < 0) return FM_OK;
  code = sync_file(folder);
  close(folder);
  /* EINVAL and ENOTSUP: this file system has no fsync for folders. */
  if (code != 0 && code != EINVAL && code != ENOTSUP)
    return io_error(err, "synchronise the folder of", writer->file, code);
  return FM_OK;
}

#endif
