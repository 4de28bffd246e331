/* os_name.c - names of a writer's files, which every operating system's writer has alike. */
#include "core/os.h"

#include <stdio.h>

/* The finaliser of splitmix64, chained. */
static uint64_t mix(const uint64_t *words, size_t n) {
  uint64_t z = 0;
  for (size_t i = 0; i < n; i++) {
    z += words[i] + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
  }
  return z;
}

fm_status fmi_os_name_writer(fmi_os_writer *writer, const char *file, size_t folder, fmi_error *err) {
  const size_t length = strlen(file);
  writer->fd = -1;
  writer->temporary[0] = '\0';
  if (length == folder)
    return fmi_fail(err, FM_E_INVALID, "file: expected the name of a file, found '%.300s'", file);
  if (length + FMI_OS_TEMPORARY_NAME > sizeof writer->file) /* so the temporary's path fits as well */
    return fmi_fail(err, FM_E_INVALID, "file: expected a path of at most %zu bytes, found %zu",
                    sizeof writer->file - FMI_OS_TEMPORARY_NAME, length);
  memcpy(writer->file, file, length + 1);
  return FM_OK;
}

void fmi_os_name_temporary(fmi_os_writer *writer, size_t folder, const uint64_t *words, size_t n) {
  memcpy(writer->temporary, writer->file, folder);
  snprintf(writer->temporary + folder, FMI_OS_TEMPORARY_NAME, ".flowmatch-%016llx.tmp",
           (unsigned long long)mix(words, n));
}
