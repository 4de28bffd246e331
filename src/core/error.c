/* error.c - a status and the text that explains it. */
#include "core/os.h"

fm_status fmi_fail(fmi_error *err, fm_status status, const char *format, ...) {
  if (err == NULL) return status;
  err->status = status;
  va_list arguments;
  va_start(arguments, format);
  fmi_os_print(err->text, sizeof err->text, format, arguments);
  va_end(arguments);
  return status;
}

void fmi_error_about(fmi_error *err, const char *subject) {
  fmi_error inner = *err;
  fmi_fail(err, inner.status, "%.200s: %.300s", subject, inner.text);
}

const char *fm_status_name(fm_status status) {
  switch (status) {
#define NAME(code)                                                                                           \
  case code:                                                                                                 \
    return #code;
    NAME(FM_OK)
    NAME(FM_E_INVALID)
    NAME(FM_E_NOMEM)
    NAME(FM_E_UNSUPPORTED)
    NAME(FM_E_DOMAIN)
    NAME(FM_E_NONFINITE)
    NAME(FM_E_CALLBACK)
    NAME(FM_E_IO)
    NAME(FM_E_FORMAT)
    NAME(FM_E_CHECKSUM)
    NAME(FM_E_MISMATCH)
    NAME(FM_E_STEPS)
    NAME(FM_E_FORKED)
    NAME(FM_STOPPED)
    NAME(FM_DEADLINE)
    NAME(FM_COARSE)
#undef NAME
  default:
    return "unknown status";
  }
}
