#!/bin/sh
# Installing, finding, moving, removing; and the tarball.
#
#   MAKE="make BUILD=build" BUILD=build CC=cc sh tests/packaging/packaging.sh WORK
#
# All must be built. WORK is a folder of its own. The last line is "N passed, N failed"; without CMake its part is
# skipped.
set -u
rm -rf "$1" && mkdir -p "$1" && work=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/../.." || exit 1
consumer=$PWD/tests/packaging/consumer
make="${MAKE:-make} --no-print-directory -s"
cc=${CC:-cc}
pkg_config=${PKG_CONFIG:-pkg-config}
unset DESTDIR PREFIX LIBDIR MAKEFLAGS MAKELEVEL
log=$work/log
. tests/counting.sh
where=

fails() { ! "$@"; }
files() { (cd "$1" && find . | LC_ALL=C sort); }

# ---- install, uninstall ----------------------------------------------------------------------------------

# As a distribution does it, into a folder in which others have files too.
stage=$work/stage
usual="DESTDIR=$stage PREFIX=/usr LIBDIR=/usr/lib/some-machine"
for other in include/other.h lib/some-machine/libflowmatch-other.so lib/some-machine/cmake/flowmatchOther/x.cmake \
  bin/flowmatch-other share/man/man1/other.1 share/doc/other/README.md; do
  mkdir -p "$stage/usr/$(dirname $other)" && echo "$other" >"$stage/usr/$other"
done
find "$stage" -type f | LC_ALL=C sort >"$work/before"
# shellcheck disable=SC2086
check "make install" $make install $usual
for file in bin/flowmatch include/flowmatch.h lib/some-machine/libflowmatch.a lib/some-machine/libflowmatch.so \
  lib/some-machine/pkgconfig/libflowmatch.pc lib/some-machine/cmake/flowmatch/flowmatchConfig.cmake \
  share/man/man1/flowmatch.1 share/bash-completion/completions/flowmatch share/doc/flowmatch/README.md; do
  check "$file is installed" test -s "$stage/usr/$file"
done
for header in include/*.h include/*.hpp; do
  [ ! -e "$header" ] || check "$header is installed" cmp "$header" "$stage/usr/$header"
done
# The links of the installed pages; the headers are elsewhere then.
dead_links() {
  find "$1" -name '*.md' | while read -r page; do
    grep -o '](\([^)#:]*\)' "$page" | sed 's/^](//' | grep -v -e '^https*$' -e '^$' -e '^include/' | while read -r link; do
      [ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
    done
  done | grep .
}
check "no link of the installed pages is dead" fails dead_links "$stage/usr/share/doc/flowmatch"
check "no installed file names the stage" fails grep -rlF "$stage" "$stage/usr/lib/some-machine/pkgconfig" \
  "$stage/usr/lib/some-machine/cmake"
# shellcheck disable=SC2086
check "make uninstall" $make uninstall $usual
find "$stage" \( -type f -o -type l \) | LC_ALL=C sort >"$work/after"
check "uninstall removes what install brought and nothing else" diff "$work/before" "$work/after"
check "uninstall leaves no folder of its own" fails find "$stage" -depth -path '*/flowmatch' -print -exec false {} +
rm -rf "$stage"

# ---- found, also after a move ----------------------------------------------------------------------------

check "make install with a prefix" $make install PREFIX="$work/first"
mv "$work/first" "$work/moved"

# consume NAME FLAGS...: builds the consumer and runs it.
consume() {
  name=$1
  shift
  $cc -std=c99 "$consumer/consumer.c" -o "$work/$name" "$@" && LD_LIBRARY_PATH="$work/moved/lib" "$work/$name"
}
from_pc() { PKG_CONFIG_PATH="$work/moved/lib/pkgconfig" $pkg_config --define-variable=prefix="$work/moved" "$@" libflowmatch; }
# shellcheck disable=SC2046
check "pkg-config: shared, in another place" consume pc-shared $(from_pc --cflags --libs)
# shellcheck disable=SC2046
check "pkg-config: static, in another place" consume pc-static $(from_pc --static --cflags --libs |
  sed 's/-lflowmatch/-l:libflowmatch.a/')
check "the one needs the shared library" sh -c "readelf -d '$work/pc-shared' | grep -q 'NEEDED.*libflowmatch.so.0'"
check "the other doesn't" fails sh -c "readelf -d '$work/pc-static' | grep -q 'NEEDED.*libflowmatch'"

# cmake_asks VERSION: configures the consumer with that version asked for.
cmake_asks() {
  rm -rf "$work/cmake"
  cmake -S "$consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_C_COMPILER="$cc" -DASKED="$1"
}
if command -v cmake >/dev/null 2>&1; then
  version=$(from_pc --modversion)
  for accepted in 0 0.1 "$version" 0.1...0.9 ""; do check "cmake: '$accepted' is there" cmake_asks "$accepted"; done
  for refused in 0.0 0.1.99 0.2 1 0.2...1; do check "cmake: '$refused' isn't" fails cmake_asks "$refused"; done
  check "cmake: configure" cmake_asks "$version"
  check "cmake: build" cmake --build "$work/cmake"
  check "cmake: shared" "$work/cmake/consumer-flowmatch"
  check "cmake: static" "$work/cmake/consumer-static"
  check "cmake: the one needs the shared library" sh -c "readelf -d '$work/cmake/consumer-flowmatch' |
    grep -q 'NEEDED.*libflowmatch.so.0'"
  check "cmake: the other doesn't" fails sh -c "readelf -d '$work/cmake/consumer-static' |
    grep -q 'NEEDED.*libflowmatch'"
else
  echo "SKIPPED: find_package(flowmatch), because cmake is not installed"
fi

# ---- the tarball -----------------------------------------------------------------------------------------

# Unpacked outside git by another umask it makes itself again, the same bytes; and it builds and tests itself.
# `make check` there takes as long as here, so most of it is quick.
check "make dist" $make dist
tarball=$(ls "${BUILD:-build}"/libflowmatch-*.tar.gz)
mkdir "$work/dist" && (umask 077 && tar -C "$work/dist" -xzf "$tarball")
tree=$(echo "$work"/dist/libflowmatch-*)
again() {
  (umask 027 && cd "$tree" && GIT_CEILING_DIRECTORIES="$work/dist" make --no-print-directory -j2 BUILD=build dist)
}
check "the tarball makes itself" again
check "the same bytes" cmp "$tarball" "$tree/build/$(basename "$tarball")"
check "it holds the generated pages" test -s "$tree/docs/pages/flowmatch.1"
whole() {
  cd "$tree" && GIT_CEILING_DIRECTORIES="$work/dist" FM_TEST_QUICK=1 make --no-print-directory check \
    PARTS="${DIST_PARTS:-outside harness units}" FUZZ_MUTATIONS=10
}
check "it passes its tests" whole
tail -n 1 "$work/log" | sed 's/^/the tarball itself: /'
rm -rf "$work/dist"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
