/* output.c - files that appear whole or not at all. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_standard_output(const char *name) { return strcmp(name, "-") == 0; }

static bool failed(const char *name) {
  int error = errno;
  const char *hint = NULL;
  if (error == ENOENT) hint = "Create the folder first.";
  if (error == ENOSPC) hint = "Free some space, or write elsewhere.";
  return cli_fail(name, hint, "%s", strerror(error));
}

/* The folder of a path, "." if it names none; to be freed. */
static char *folder_of(const char *name) {
  const char *slash = strrchr(name, '/');
  if (!slash) return cli_copy_text(".");
  char *folder = cli_copy_text(name);
  folder[slash == name ? 1 : slash - name] = '\0';
  return folder;
}

bool output_check(const char *name) {
  struct stat info;
  if (is_standard_output(name)) return true;
  if (stat(name, &info) == 0) {
    if (S_ISDIR(info.st_mode)) return cli_fail(name, "Name a file in it.", "this is a folder");
    if (!S_ISREG(info.st_mode)) return access(name, W_OK) == 0 || failed(name);
  }
  char *folder = folder_of(name);
  bool ok = access(folder, W_OK) == 0 || failed(folder);
  free(folder);
  return ok;
}

static bool open_in_place(output *out) {
  out->file = is_standard_output(out->name) ? stdout : fopen(out->name, "wb");
  return out->file || failed(out->name);
}

bool output_open(output *out, const char *name) {
  struct stat info;
  memset(out, 0, sizeof *out);
  out->name = name;
  bool exists = !is_standard_output(name) && stat(name, &info) == 0;
  if (is_standard_output(name) || (exists && !S_ISREG(info.st_mode))) return open_in_place(out);
  /* Through a symbolic link the file behind it is replaced, not the link. */
  out->final = exists ? realpath(name, NULL) : cli_copy_text(name);
  if (!out->final) return failed(name);
  size_t room = strlen(out->final) + 32;
  out->temporary = cli_alloc(room, 1);
  snprintf(out->temporary, room, "%s.%ld.part", out->final, (long)getpid());
  int fd = open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  out->file = fd < 0 ? NULL : fdopen(fd, "wb");
  if (out->file) return true;
  failed(name);
  if (fd >= 0) close(fd);
  output_abort(out);
  return false;
}

bool output_write(output *out, const void *bytes, size_t n_bytes) {
  if (fwrite(bytes, 1, n_bytes, out->file) == n_bytes) return true;
  return failed(out->name);
}

static void release(output *out) {
  free(out->final);
  free(out->temporary);
  memset(out, 0, sizeof *out);
}

bool output_commit(output *out) {
  bool ok = fflush(out->file) == 0;
  if (out->temporary) {
    ok = ok && fsync(fileno(out->file)) == 0;
    ok = (fclose(out->file) == 0) && ok;
    out->file = NULL;
    ok = ok && rename(out->temporary, out->final) == 0;
  } else if (out->file != stdout) {
    ok = (fclose(out->file) == 0) && ok;
  }
  if (!ok) {
    failed(out->name);
    if (out->temporary) unlink(out->temporary);
  }
  release(out);
  return ok;
}

void output_abort(output *out) {
  if (out->file && out->file != stdout) fclose(out->file);
  if (out->temporary) unlink(out->temporary);
  release(out);
}
