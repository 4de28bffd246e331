#!/bin/sh
# Callers of an installed copy, found through pkg-config, as a host would build them.
#
#   CC=cc CXX=c++ sh tests/ffi/ffi.sh PREFIX WORK CALLER...
#
# CALLER is c, c-static, c++, rust or go. WORK is a folder for what is built. The last line is
# "N passed, N failed"; a caller whose compiler is missing says SKIPPED.
set -u
prefix=$1 work=$2
shift 2
cd "$(dirname "$0")" || exit 1
here=$PWD
cc=${CC:-cc} cxx=${CXX:-c++}
passed=0
failed=0

# The linker's own setting comes from a sanitizer build or a host; a caller has to find its library here.
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export LD_LIBRARY_PATH="$prefix/lib"
flags() { ${PKG_CONFIG:-pkg-config} "$@" libflowmatch; }
mkdir -p "$work" || exit 1

c_flags="-std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Werror"

# shellcheck disable=SC2046,SC2086
build() {
  case $1 in
  c) $cc $c_flags "$here/c/caller.c" -o "$work/c" $(flags --cflags --libs) -lm ;;
  c-static) $cc $c_flags "$here/c/caller.c" -o "$work/c-static" $(flags --cflags) \
    $(flags --static --libs | sed 's/-lflowmatch/-l:libflowmatch.a/') ;;
  c++) $cxx -std=c++11 -O1 -Wall -Wextra -Wpedantic -Wconversion -Werror "$here/c/caller.cpp" -o "$work/c++" \
    $(flags --cflags --libs) ;;
  rust) rustc --edition 2021 -O -D warnings "$here/rust/caller.rs" -o "$work/rust" \
    $(flags --libs-only-L | sed 's/-L/-L native=/g') ;;
  go) (cd "$here/go" && GOCACHE="$work/go-cache" GOPATH="$work/go-path" GOFLAGS=-mod=mod GOTOOLCHAIN=local \
    CGO_ENABLED=1 CC="$cc" go build -o "$work/go" .) ;;
  *) echo "no such caller" && false ;;
  esac
}

# Whether the program takes the shared library, or has the static one inside.
linked_right() {
  case $1 in
  c-static) ! readelf -d "$work/$1" | grep -q 'NEEDED.*libflowmatch' ;;
  *) readelf -d "$work/$1" | grep -q 'NEEDED.*\[libflowmatch\.so\.[0-9]*\]' ;;
  esac
}

compiler_of() {
  case $1 in
  rust) echo rustc ;;
  go) echo go ;;
  c++) echo "$cxx" ;;
  *) echo "$cc" ;;
  esac
}

for caller in "$@"; do
  set -- $(compiler_of "$caller")
  if ! command -v "$1" >/dev/null 2>&1; then
    echo "SKIPPED: $caller: $1 is not installed"
  elif ! build "$caller" >"$work/log" 2>&1; then
    failed=$((failed + 1))
    echo "FAILED: $caller does not build:"
    cat "$work/log"
  elif ! linked_right "$caller"; then
    failed=$((failed + 1))
    echo "FAILED: $caller: it is linked to the wrong library"
  elif ! "$work/$caller" >"$work/log" 2>&1; then
    failed=$((failed + 1))
    echo "FAILED: $caller:"
    cat "$work/log"
  else
    passed=$((passed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
