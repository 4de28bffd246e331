#!/bin/sh
# The Debian packages: they build, are what they should be, and serve a program when they are unpacked.
#
#   MAKE="make BUILD=build" BUILD=build sh tests/packaging/deb.sh
#
# The package's own tests are left out (DEB_BUILD_OPTIONS=nocheck): `make check` has them. The last line is
# "N passed, N failed"; without Debian's tools it is SKIPPED.
set -u
cd "$(dirname "$0")/../.." || exit 1
make=${MAKE:-make}
unset MAKE MAKEFLAGS MAKELEVEL DESTDIR PREFIX LIBDIR # debhelper has a MAKE of its own
built=$(mkdir -p "${BUILD:-build}" && cd "${BUILD:-build}" && pwd)/deb
log=${built%/deb}/deb.log
. tests/counting.sh
where=

if ! command -v dpkg-buildpackage >/dev/null 2>&1 || ! command -v dh >/dev/null 2>&1; then
  echo "SKIPPED: the Debian packages, because dpkg-dev and debhelper are not installed"
  echo "0 passed, 0 failed"
  exit 0
fi

check "make deb" env DEB_BUILD_OPTIONS="nocheck parallel=${JOBS:-2}" $make --no-print-directory deb DEB_FLAGS=-d
root=$built/root
for package in libflowmatch0 libflowmatch-dev flowmatch; do
  check "$package" dpkg-deb -x "$(echo "$built/$package"_*.deb)" "$root"
done
libraries=$root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null)
check "the package's version is the library's" test "$(dpkg-parsechangelog -l docs/packaging/debian/changelog -S Version |
  sed 's/-[^-]*$//')" = "$(sed -n 's/^Version: //p' "$libraries/pkgconfig/libflowmatch.pc")"
check "the program runs" "$root/usr/bin/flowmatch" --version
# In place of the system's root: as a compiler for it would see it.
# shellcheck disable=SC2046
check "a program builds" ${CC:-cc} tests/packaging/consumer/consumer.c -o "$built/consumer" $(
  PKG_CONFIG_PATH="$libraries/pkgconfig" ${PKG_CONFIG:-pkg-config} --define-variable=prefix="$root/usr" --cflags --libs \
    libflowmatch)
check "and runs" env LD_LIBRARY_PATH="$libraries" "$built/consumer"
if command -v lintian >/dev/null 2>&1; then
  check "lintian finds no error" sh -c "! lintian --allow-root '$built'/*.changes 2>&1 | grep '^E:'"
else
  echo "SKIPPED: lintian, because it is not installed"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
