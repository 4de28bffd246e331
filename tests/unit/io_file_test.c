/* Reading and atomic writing of files: the old file or the new one, nothing in between, nothing left over. */
#define _FILE_OFFSET_BITS 64 /* readdir on 32-bit machines refuses the large numbers of some file systems */
#include "core/os.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static fmi_memory *memory;
static char folder[64], file[96];
static fmi_os_writer writer; /* 8 KB */

static void setup(void) {
  memory = fmi_memory_create(NULL);
  ck_assert_ptr_nonnull(memory);
  strcpy(folder, "/tmp/flowmatch_file_XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/file", folder);
}

static void teardown(void) {
  unlink(file);
  ck_assert_int_eq(rmdir(folder), 0); /* also: no temporary was left behind */
  fmi_memory_release(memory);
}

static size_t entries(void) {
  DIR *directory = opendir(folder);
  ck_assert_ptr_nonnull(directory);
  size_t n = 0;
  for (struct dirent *e; (e = readdir(directory)) != NULL;)
    n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
  closedir(directory);
  return n;
}

static fm_status write_text(const char *name, const char *text, fmi_error *err) {
  FMI_TRY(fmi_os_write_begin(&writer, name, err));
  FMI_TRY(fmi_os_write(&writer, text, strlen(text), err));
  return fmi_os_write_commit(&writer, err);
}

static void expect_content(const char *text) {
  void *bytes = NULL;
  size_t n_bytes = 99;
  fmi_error err = {0};
  ck_assert_msg(fmi_os_read_file(memory, file, &bytes, &n_bytes, &err) == FM_OK, "%s", err.text);
  ck_assert_uint_eq(n_bytes, strlen(text));
  ck_assert_mem_eq(bytes, text, n_bytes);
  fmi_free(memory, bytes);
}

/* A failure says which file, and why. */
static void expect_error(fm_status got, fm_status want, const fmi_error *err, const char *says) {
  ck_assert_msg(got == want && err->status == want && strstr(err->text, says) != NULL,
                "%s '%s', expected '%s'", fm_status_name(got), err->text, says);
}

START_TEST(clock_goes_on) {
  double before = fmi_os_seconds();
  ck_assert(before >= 0);
  for (int i = 0; i < 1000; i++) {
    double now = fmi_os_seconds();
    ck_assert(now >= before);
    before = now;
  }
}
END_TEST

START_TEST(write_and_replace) {
  fmi_error err = {0};
  ck_assert_int_eq(write_text(file, "old", &err), FM_OK);
  expect_content("old");
  ck_assert_int_eq(write_text(file, "", &err), FM_OK);
  expect_content("");
  ck_assert_int_eq(fmi_os_write_begin(&writer, file, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write(&writer, "ne", 2, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write(&writer, NULL, 0, &err), FM_OK);
  expect_content(""); /* until the commit */
  ck_assert_int_eq(fmi_os_write(&writer, "w", 1, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write_commit(&writer, &err), FM_OK);
  expect_content("new");
  ck_assert_uint_eq(entries(), 1);
  fmi_os_write_abort(&writer); /* after the commit it does nothing */
  expect_content("new");
}
END_TEST

START_TEST(abort_leaves_the_old_file) {
  fmi_error err = {0};
  ck_assert_int_eq(write_text(file, "old", &err), FM_OK);
  ck_assert_int_eq(fmi_os_write_begin(&writer, file, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write(&writer, "new", 3, &err), FM_OK);
  ck_assert_uint_eq(entries(), 2);
  fmi_os_write_abort(&writer);
  fmi_os_write_abort(&writer);
  expect_content("old");
  ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(mode_honours_umask) {
  fmi_error err = {0};
  struct stat info;
  mode_t before = umask(027);
  ck_assert_int_eq(write_text(file, "x", &err), FM_OK);
  umask(before);
  ck_assert_int_eq(stat(file, &info), 0);
  ck_assert_uint_eq(info.st_mode & 0777, 0640);
}
END_TEST

START_TEST(name_in_the_current_folder) {
  char before[4096];
  fmi_error err = {0};
  ck_assert_ptr_nonnull(getcwd(before, sizeof before));
  ck_assert_int_eq(chdir(folder), 0);
  fm_status status = write_text("file", "here", &err);
  ck_assert_int_eq(chdir(before), 0);
  ck_assert_msg(status == FM_OK, "%s", err.text);
  expect_content("here");
}
END_TEST

/* Two writers at once don't meet: the last commit wins. */
START_TEST(two_writers) {
  static fmi_os_writer other;
  fmi_error err = {0};
  ck_assert_int_eq(fmi_os_write_begin(&writer, file, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write_begin(&other, file, &err), FM_OK);
  ck_assert_str_ne(writer.temporary, other.temporary);
  ck_assert_int_eq(fmi_os_write(&writer, "first", 5, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write(&other, "second", 6, &err), FM_OK);
  ck_assert_int_eq(fmi_os_write_commit(&other, &err), FM_OK);
  expect_content("second");
  ck_assert_int_eq(fmi_os_write_commit(&writer, &err), FM_OK);
  expect_content("first");
}
END_TEST

START_TEST(no_folder) {
  char name[128];
  fmi_error err = {0};
  snprintf(name, sizeof name, "%s/none/file", folder);
  expect_error(write_text(name, "x", &err), FM_E_IO, &err, name);
  expect_error(write_text(name, "x", &err), FM_E_IO, &err, "No such file");
}
END_TEST

START_TEST(read_only_folder) {
  if (geteuid() == 0) return; /* root may write everywhere */
  fmi_error err = {0};
  ck_assert_int_eq(write_text(file, "old", &err), FM_OK);
  ck_assert_int_eq(chmod(folder, 0500), 0);
  fm_status status = write_text(file, "new", &err);
  ck_assert_int_eq(chmod(folder, 0300), 0);
  fm_status unreadable = write_text(file, "newer", &err);
  ck_assert_int_eq(chmod(folder, 0700), 0);
  ck_assert_int_eq(status, FM_E_IO);
  ck_assert_int_eq(unreadable, FM_OK);
  expect_content("newer");
  ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(target_is_a_folder) {
  fmi_error err = {0};
  ck_assert_int_eq(mkdir(file, 0700), 0);
  fm_status status = write_text(file, "x", &err);
  ck_assert_uint_eq(entries(), 1);
  ck_assert_int_eq(rmdir(file), 0);
  expect_error(status, FM_E_IO, &err, "cannot replace");
}
END_TEST

START_TEST(names_that_cannot_be) {
  static char name[6000];
  fmi_error err = {0};
  expect_error(write_text("", "x", &err), FM_E_INVALID, &err, "name of a file");
  snprintf(name, sizeof name, "%s/", folder);
  expect_error(write_text(name, "x", &err), FM_E_INVALID, &err, "name of a file");
  size_t used = strlen(name);
  memset(name + used, 'a', sizeof name - 1 - used);
  expect_error(write_text(name, "x", &err), FM_E_INVALID, &err, "found 5999");
  name[3000] = '\0'; /* fits us, but not the file system: the reason must not be cut off */
  expect_error(write_text(name, "x", &err), FM_E_IO, &err, "name too long");
}
END_TEST

/* The disk is full in the middle: simulated by the limit on the size of a file. */
START_TEST(full_disk) {
  fmi_error err = {0};
  ck_assert_int_eq(write_text(file, "old", &err), FM_OK);
  struct rlimit before, limit;
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
  limit = before;
  limit.rlim_cur = 1000;
  struct sigaction ignore, was;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &ignore, &was);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  static const char big[3000];
  fm_status began = fmi_os_write_begin(&writer, file, &err);
  fm_status wrote = fmi_os_write(&writer, big, sizeof big, &err); /* 1000 bytes go, then none */
  fmi_os_write_abort(&writer);
  setrlimit(RLIMIT_FSIZE, &before);
  sigaction(SIGXFSZ, &was, NULL);
  ck_assert_int_eq(began, FM_OK);
  expect_error(wrote, FM_E_IO, &err, "cannot write");
  expect_content("old");
  ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(what_cannot_be_read) {
  void *bytes = &bytes;
  size_t n_bytes = 7;
  fmi_error err = {0};
  expect_error(fmi_os_read_file(memory, file, &bytes, &n_bytes, &err), FM_E_IO, &err, "No such file");
  expect_error(fmi_os_read_file(memory, folder, &bytes, &n_bytes, &err), FM_E_IO, &err, folder);
  ck_assert_int_eq(mkfifo(file, 0600), 0); /* with no writer: must not wait for one */
  expect_error(fmi_os_read_file(memory, file, &bytes, &n_bytes, &err), FM_E_IO, &err, "not a regular file");
  expect_error(fmi_os_read_file(memory, "/dev/null", &bytes, &n_bytes, &err), FM_E_IO, &err,
               "not a regular file");
  ck_assert_int_eq(fmi_os_read_file(memory, file, &bytes, &n_bytes, NULL), FM_E_IO);
  ck_assert_ptr_eq(bytes, &bytes); /* untouched on failure */
  ck_assert_uint_eq(n_bytes, 7);
}
END_TEST

/* A file that holds more than its size says, as one that grows meanwhile: Linux has such files. */
START_TEST(size_that_is_not_true) {
  if (access("/proc/self/status", R_OK) != 0) return;
  void *bytes = NULL;
  size_t n_bytes = 0;
  fmi_error err = {0};
  expect_error(fmi_os_read_file(memory, "/proc/self/status", &bytes, &n_bytes, &err), FM_E_IO, &err,
               "size changed");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("io_file");
  TCase *c = tcase_create("files");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, clock_goes_on);
  tcase_add_test(c, write_and_replace);
  tcase_add_test(c, abort_leaves_the_old_file);
  tcase_add_test(c, mode_honours_umask);
  tcase_add_test(c, name_in_the_current_folder);
  tcase_add_test(c, two_writers);
  tcase_add_test(c, no_folder);
  tcase_add_test(c, read_only_folder);
  tcase_add_test(c, target_is_a_folder);
  tcase_add_test(c, names_that_cannot_be);
  tcase_add_test(c, full_disk);
  tcase_add_test(c, what_cannot_be_read);
  tcase_add_test(c, size_that_is_not_true);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
