/* options.c - size-first structs across library versions: older callers bring shorter ones, newer callers
   longer ones. */
#include "core/core.h"

fm_status fmi_options_read(fmi_error *err, const char *type, const void *given, void *copy, size_t size) {
  memset(copy, 0, size);
  const uint64_t own_size = size;
  memcpy(copy, &own_size, sizeof own_size);
  if (given == NULL) return FM_OK;
  uint64_t given_size;
  memcpy(&given_size, given, sizeof given_size);
  if (given_size < sizeof given_size || given_size > 65536)
    return fmi_fail(err, FM_E_INVALID,
                    "%s.struct_size: expected its size in bytes (%zu here), found %llu; use %s_init", type,
                    size, (unsigned long long)given_size, type);
  const unsigned char *bytes = given;
  for (size_t i = size; i < given_size; i++)
    if (bytes[i] != 0)
      return fmi_fail(err, FM_E_UNSUPPORTED,
                      "%s: a field at byte %zu is set that this version (%s) doesn't know", type, i,
                      fm_version_string());
  memcpy(copy, given, fmi_min(size, (size_t)given_size));
  memcpy(copy, &own_size, sizeof own_size);
  return FM_OK;
}

fm_status fmi_struct_check(fmi_error *err, const char *argument, const void *given, size_t size) {
  uint64_t given_size;
  memcpy(&given_size, given, sizeof given_size);
  if (given_size >= sizeof given_size && given_size <= 65536) return FM_OK;
  return fmi_fail(err, FM_E_INVALID, "%s.struct_size: expected its size in bytes (%zu here), found %llu",
                  argument, size, (unsigned long long)given_size);
}

fm_status fmi_struct_write(fmi_error *err, const char *argument, const void *full, size_t size, void *given) {
  FMI_TRY(fmi_struct_check(err, argument, given, size));
  uint64_t given_size;
  memcpy(&given_size, given, sizeof given_size);
  size_t n = fmi_min(size, (size_t)given_size);
  memcpy((char *)given + sizeof given_size, (const char *)full + sizeof given_size, n - sizeof given_size);
  return FM_OK;
}
