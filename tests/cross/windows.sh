#!/bin/sh
# Compiled and linked for Windows by MinGW: a DLL, its import library and a static library; what the DLL exports and
# needs; a program with each. They are run where Wine is installed.
#
#   sh tests/cross/windows.sh WORK
#
# The last line is "N passed, N failed"; without the compiler it is SKIPPED.
set -u
mkdir -p "$1" && work=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MAKELEVEL CFLAGS LDFLAGS CPPFLAGS
machine=x86_64-w64-mingw32
cc=$machine-gcc
log=$work/log
out=$work/build
. tests/counting.sh
where="Windows: "

build() {
  make --no-print-directory -s V=1 -j"${JOBS:-2}" WERROR=1 BUILD="$out" CC="$cc" AR=$machine-ar \
    CPPFLAGS="-isystem $work/headers" BLAS=none "$@"
}
# The names a DLL exports, the DLLs that it needs.
exports() { $machine-objdump -p "$1" | awk '/Ordinal\/Name Pointer/ { on = 1; next } on && NF == 0 { exit } on { print $NF }'; }
needs() { $machine-objdump -p "$1" | sed -n 's/.*DLL Name: //p'; }
# Of the functions that the headers declare none is missing, and there are no others.
same_names() {
  sed -n 's/^ *\(fm_[a-z0-9_]*\);$/\1/p' src/api/symbols.map | sort >"$work/declared"
  exports "$installed/bin/libflowmatch-0.dll" | sort | diff "$work/declared" - && test -s "$work/declared"
}

if ! command -v $cc >/dev/null 2>&1; then
  echo "SKIPPED: Windows, because $cc is not installed"
elif ! sh tests/cross/headers.sh "$work/headers" >"$log"; then
  echo "SKIPPED: Windows, because $(cat "$log")"
elif ! build lib >"$log" 2>&1; then
  failed=1
  echo "FAILED: Windows: doesn't build"
  cat "$log"
else
  passed=1
  installed=$work/installed
  check "installs" build install-lib PREFIX="$installed"
  check "the DLL exports what is declared and nothing else" same_names
  # Windows alone, and its C library: no run-time of the compiler's.
  check "the DLL needs Windows alone" sh -c "! echo '$(needs "$installed/bin/libflowmatch-0.dll")' | tr ' ' '\n' |
    grep -vE '^(KERNEL32|msvcrt|ucrtbase|api-ms-win-[a-z0-9-]*)\.dll$'"

  export PKG_CONFIG_PATH="$installed/lib/pkgconfig"
  pc() { ${PKG_CONFIG:-pkg-config} "$@" libflowmatch; }
  flags="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -static-libgcc"
  # shellcheck disable=SC2046,SC2086
  check "a program with the DLL" $cc $flags tests/packaging/consumer/consumer.c -o "$installed/bin/shared.exe" \
    $(pc --cflags --libs)
  # shellcheck disable=SC2046,SC2086
  check "a program with the static library" $cc $flags -DFM_STATIC tests/packaging/consumer/consumer.c \
    -o "$installed/bin/static.exe" $(pc --static --cflags --libs | sed 's/-lflowmatch/-l:libflowmatch.a/')
  check "the one needs the DLL" sh -c "echo '$(needs "$installed/bin/shared.exe")' | grep -q libflowmatch-0.dll"
  check "the other doesn't" sh -c "! echo '$(needs "$installed/bin/static.exe")' | grep -q libflowmatch"
  # What of the system's own file differs: threads, files, mapping, clock.
  # shellcheck disable=SC2086
  check "a test of what is the system's" $cc $flags -DFM_STATIC -std=c11 -Isrc tests/cross/windows_test.c \
    -o "$installed/bin/system.exe" $(pc --static --cflags --libs | sed 's/-lflowmatch/-l:libflowmatch.a/')
  wine=$(command -v wine64 || command -v wine || command -v /usr/lib/wine/wine64)
  if [ -n "$wine" ]; then
    export WINEPREFIX="$work/wine" WINEDEBUG=-all
    for program in shared static system; do
      check "$program.exe runs" sh -c "cd '$installed/bin' && timeout 120 '$wine' ./$program.exe"
    done
  else
    echo "SKIPPED: running what was built for Windows, because wine is not installed"
  fi
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
