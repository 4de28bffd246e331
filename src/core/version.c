/* version.c - the version of the library itself, which may differ from the header a caller was built with. */
#include "core/core.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

uint32_t fm_version(void) { return FM_VERSION_MAJOR * 10000u + FM_VERSION_MINOR * 100u + FM_VERSION_PATCH; }

const char *fm_version_string(void) {
  return TEXT(FM_VERSION_MAJOR) "." TEXT(FM_VERSION_MINOR) "." TEXT(FM_VERSION_PATCH);
}
