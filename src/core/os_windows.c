/* os_windows.c - clock, threads and files on Windows. Names of files are UTF-8. Nothing here keeps state between
   calls, so any thread may call it. */
#include "core/os.h"

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <stdio.h>
#include <windows.h>

/* ReadFile and WriteFile count in 32 bits. */
#define MAX_TRANSFER ((size_t)1 << 30)

/* Names tried for a temporary. They are 64 random-like bits, so a second one is already rare. */
#define MAX_NAMES 100

typedef struct wide_name {
  wchar_t text[4096];
} wide_name;

double fmi_os_seconds(void) {
  LARGE_INTEGER ticks, per_second;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&per_second);
  /* Seconds and rest by themselves: a double would lose the ticks of a machine that runs for months. */
  return (double)(ticks.QuadPart / per_second.QuadPart) +
         (double)(ticks.QuadPart % per_second.QuadPart) / (double)per_second.QuadPart;
}

long long fmi_os_process(void) { return GetCurrentProcessId(); }

/* Here a text has the point of the host's locale: another for one call would have to be allocated. */
void fmi_os_print(char *text, size_t bytes, const char *format, va_list arguments) {
  vsnprintf(text, bytes, format, arguments);
}

/* ---- threads ------------------------------------------------------------------------------------ */

/* Both are one pointer, zero at the start, and need no end. */
_Static_assert(sizeof(fmi_os_mutex) == sizeof(SRWLOCK), "os.h must have the size of an SRWLOCK");
_Static_assert(sizeof(fmi_os_cond) == sizeof(CONDITION_VARIABLE), "and of a CONDITION_VARIABLE");

void fmi_os_mutex_init(fmi_os_mutex *mutex) { InitializeSRWLock((SRWLOCK *)mutex); }
void fmi_os_mutex_destroy(fmi_os_mutex *mutex) { (void)mutex; }
void fmi_os_lock(fmi_os_mutex *mutex) { AcquireSRWLockExclusive((SRWLOCK *)mutex); }
void fmi_os_unlock(fmi_os_mutex *mutex) { ReleaseSRWLockExclusive((SRWLOCK *)mutex); }

void fmi_os_cond_init(fmi_os_cond *cond) { InitializeConditionVariable((CONDITION_VARIABLE *)cond); }
void fmi_os_cond_destroy(fmi_os_cond *cond) { (void)cond; }
void fmi_os_wait(fmi_os_cond *cond, fmi_os_mutex *mutex) {
  SleepConditionVariableSRW((CONDITION_VARIABLE *)cond, (SRWLOCK *)mutex, INFINITE, 0);
}
void fmi_os_wake_one(fmi_os_cond *cond) { WakeConditionVariable((CONDITION_VARIABLE *)cond); }
void fmi_os_wake_all(fmi_os_cond *cond) { WakeAllConditionVariable((CONDITION_VARIABLE *)cond); }

static DWORD WINAPI run_thread(LPVOID argument) {
  fmi_os_thread *thread = argument;
  thread->run(thread->arg);
  return 0;
}

bool fmi_os_thread_start(fmi_os_thread *thread, void (*run)(void *arg), void *arg) {
  thread->run = run;
  thread->arg = arg;
  thread->id = CreateThread(NULL, 0, run_thread, thread, 0, NULL);
  return thread->id != NULL;
}

void fmi_os_thread_join(fmi_os_thread *thread) {
  WaitForSingleObject(thread->id, INFINITE);
  CloseHandle(thread->id);
}

void fmi_os_yield(void) { SwitchToThread(); }

/* ---- names and errors --------------------------------------------------------------------------- */

/* Says which operation failed on which file, and the system's reason. A long name is shown by its end, which
   tells files apart and leaves room for the reason. */
static fm_status io_error(fmi_error *err, const char *operation, const char *file, DWORD code) {
  enum { SHOWN = 300 };
  wchar_t wide[128];
  char reason[3 * FMI_COUNT(wide) + 1];
  DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                                    FORMAT_MESSAGE_MAX_WIDTH_MASK,
                                NULL, code, 0, wide, (DWORD)FMI_COUNT(wide), NULL);
  int n = length > 0
              ? WideCharToMultiByte(CP_UTF8, 0, wide, (int)length, reason, (int)sizeof reason - 1, NULL, NULL)
              : 0;
  while (n > 0 && reason[n - 1] == ' ') n--;
  reason[n] = '\0';
  if (n == 0) snprintf(reason, sizeof reason, "error %lu", (unsigned long)code);
  size_t file_length = strlen(file);
  size_t skipped = file_length > SHOWN ? file_length - SHOWN : 0;
  return fmi_fail(err, FM_E_IO, "cannot %s '%s%s': %s", operation, skipped ? "..." : "", file + skipped,
                  reason);
}

static bool widen(const char *file, wide_name *wide) {
  return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, file, -1, wide->text,
                             (int)FMI_COUNT(wide->text)) > 0;
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* Opens a regular file and tells its size. */
static fm_status open_to_read(const char *file, HANDLE *opened, size_t *size, fmi_error *err) {
  wide_name wide;
  HANDLE handle = INVALID_HANDLE_VALUE;
  if (widen(file, &wide))
    handle = CreateFileW(wide.text, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                         NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  if (handle == INVALID_HANDLE_VALUE) return io_error(err, "open", file, GetLastError());
  LARGE_INTEGER length;
  fm_status status = FM_OK;
  if (GetFileType(handle) != FILE_TYPE_DISK)
    status = fmi_fail(err, FM_E_IO, "cannot read '%.300s': it is not a regular file", file);
  else if (!GetFileSizeEx(handle, &length))
    status = io_error(err, "examine", file, GetLastError());
  else if ((uint64_t)length.QuadPart > SIZE_MAX)
    status = fmi_fail(err, FM_E_NOMEM, "cannot read '%.300s': it is larger than memory can be", file);
  if (status != FM_OK) {
    CloseHandle(handle);
    return status;
  }
  *opened = handle;
  *size = (size_t)length.QuadPart;
  return FM_OK;
}

/* Reads until n_bytes or the end of the file. *n_read tells which. */
static bool read_fully(HANDLE handle, void *bytes, size_t n_bytes, size_t *n_read) {
  *n_read = 0;
  while (*n_read < n_bytes) {
    DWORD n = 0;
    if (!ReadFile(handle, (char *)bytes + *n_read, (DWORD)fmi_min(n_bytes - *n_read, MAX_TRANSFER), &n, NULL))
      return false;
    if (n == 0) return true;
    *n_read += n;
  }
  return true;
}

/* Reads `size` bytes and makes sure that they are all there is: another process may be writing the file. */
static fm_status read_exactly(HANDLE handle, const char *file, void *bytes, size_t size, fmi_error *err) {
  size_t n_read, n_more;
  char more;
  if (!read_fully(handle, bytes, size, &n_read) || !read_fully(handle, &more, 1, &n_more))
    return io_error(err, "read", file, GetLastError());
  if (n_read < size || n_more != 0)
    return fmi_fail(err, FM_E_IO, "cannot read '%.300s': its size changed from %zu bytes meanwhile", file,
                    size);
  return FM_OK;
}

fm_status fmi_os_read_file(fmi_memory *memory, const char *file, void **bytes, size_t *n_bytes,
                           fmi_error *err) {
  size_t size;
  HANDLE handle;
  FMI_TRY(open_to_read(file, &handle, &size, err));
  void *block = fmi_alloc(memory, size, 1, err);
  fm_status status = block == NULL ? FM_E_NOMEM : read_exactly(handle, file, block, size, err);
  CloseHandle(handle);
  if (status != FM_OK) {
    fmi_free(memory, block);
    return status;
  }
  *bytes = block;
  *n_bytes = size;
  return FM_OK;
}

fm_status fmi_os_map(const char *file, const void **bytes, size_t *n_bytes, fmi_error *err) {
  size_t size;
  HANDLE handle;
  FMI_TRY(open_to_read(file, &handle, &size, err));
  if (size == 0) {
    CloseHandle(handle);
    return fmi_fail(err, FM_E_FORMAT, "cannot map '%.300s': it is empty", file);
  }
  /* The view keeps mapping and file open. */
  HANDLE mapping = CreateFileMappingW(handle, NULL, PAGE_READONLY, 0, 0, NULL);
  void *view = mapping == NULL ? NULL : MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, size);
  DWORD code = GetLastError();
  if (mapping != NULL) CloseHandle(mapping);
  CloseHandle(handle);
  if (view == NULL) return io_error(err, "map", file, code);
  *bytes = view;
  *n_bytes = size;
  return FM_OK;
}

void fmi_os_unmap(const void *bytes, size_t n_bytes) {
  (void)n_bytes;
  UnmapViewOfFile(bytes);
}

/* ---- writing ------------------------------------------------------------------------------------ */

/* The part of a file's name up to and including the last separator: empty for a name in the current folder. */
static size_t folder_length(const char *file) {
  size_t length = strlen(file);
  while (length > 0 && strchr("/\\:", file[length - 1]) == NULL) length--;
  return length;
}

/* By words that differ between processes, writers and tries, from no global state. CREATE_NEW does the rest. */
static void name_temporary(fmi_os_writer *writer, size_t folder, unsigned attempt) {
  LARGE_INTEGER ticks;
  QueryPerformanceCounter(&ticks);
  uint64_t words[] = {(uint64_t)ticks.QuadPart, GetCurrentProcessId(), (uintptr_t)writer, attempt};
  fmi_os_name_temporary(writer, folder, words, FMI_COUNT(words));
}

fm_status fmi_os_write_begin(fmi_os_writer *writer, const char *file, fmi_error *err) {
  const size_t folder = folder_length(file);
  FMI_TRY(fmi_os_name_writer(writer, file, folder, err));
  for (unsigned attempt = 0; writer->fd == -1; attempt++) {
    wide_name wide;
    name_temporary(writer, folder, attempt);
    if (widen(writer->temporary, &wide))
      writer->fd =
          (intptr_t)CreateFileW(wide.text, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (writer->fd == -1 && (GetLastError() != ERROR_FILE_EXISTS || attempt == MAX_NAMES)) {
      writer->temporary[0] = '\0'; /* not ours: never remove it */
      return io_error(err, "create a file beside", file, GetLastError());
    }
  }
  return FM_OK;
}

void fmi_os_write_abort(fmi_os_writer *writer) {
  wide_name wide;
  if (writer->fd != -1) CloseHandle((HANDLE)writer->fd);
  if (writer->temporary[0] != '\0' && widen(writer->temporary, &wide)) DeleteFileW(wide.text);
  writer->fd = -1;
  writer->temporary[0] = '\0';
}

/* Ends the writer because of the system's code. */
static fm_status give_up(fmi_os_writer *writer, const char *operation, DWORD code, fmi_error *err) {
  fmi_os_write_abort(writer);
  return io_error(err, operation, writer->file, code);
}

fm_status fmi_os_write(fmi_os_writer *writer, const void *bytes, size_t n_bytes, fmi_error *err) {
  for (const char *at = bytes; n_bytes > 0;) {
    DWORD n = 0;
    if (!WriteFile((HANDLE)writer->fd, at, (DWORD)fmi_min(n_bytes, MAX_TRANSFER), &n, NULL))
      return give_up(writer, "write", GetLastError(), err);
    at += n;
    n_bytes -= n;
  }
  return FM_OK;
}

/* The old file stays if somebody has it mapped: Windows doesn't replace such a file, and says so here. */
fm_status fmi_os_write_commit(fmi_os_writer *writer, fmi_error *err) {
  wide_name from, to;
  if (!FlushFileBuffers((HANDLE)writer->fd)) return give_up(writer, "write", GetLastError(), err);
  BOOL closed = CloseHandle((HANDLE)writer->fd);
  writer->fd = -1;
  if (!closed) return give_up(writer, "write", GetLastError(), err);
  /* The system writes the change of the folder through to the disk. */
  if (!widen(writer->temporary, &from) || !widen(writer->file, &to) ||
      !MoveFileExW(from.text, to.text, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
    return give_up(writer, "replace", GetLastError(), err);
  writer->temporary[0] = '\0';
  return FM_OK;
}

#endif
