#!/bin/sh
# The public headers in every language they promise to be, with every compiler that is here; then whether layout.h
# covers what they define.
#
#   CC=cc CXX=c++ sh tests/abi/header.sh
#
# The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0
failed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-header.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

flags="-Iinclude -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only"

# compiles COMPILER FLAGS... FILE
compiles() {
  # shellcheck disable=SC2086
  if said=$("$@" $flags 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED: %s\n%s\n' "$*" "$said"
  fi
}

# alone COMPILER FLAGS...: every header by itself, and twice.
alone() {
  case "$2" in -std=c++*) language=c++ ;; *) language=c ;; esac
  for header in include/*.h; do
    name=$(basename "$header")
    printf '#include <%s>\n#include "%s"\n' "$name" "$name" >"$dir/alone"
    compiles "$@" -x $language "$dir/alone"
  done
}

# The compilers to try: the build's own and the usual ones, each once.
present() {
  for name in "$@"; do
    # shellcheck disable=SC2086
    set -- $name
    command -v "$1" >/dev/null 2>&1 && printf '%s\n' "$1"
  done | sort -u
}

for cc in $(present "${CC:-cc}" gcc clang); do
  for standard in c99 c11; do
    compiles "$cc" "-std=$standard" -Wstrict-prototypes tests/abi/header_test.c
    alone "$cc" "-std=$standard" -Wstrict-prototypes
  done
done
for cxx in $(present "${CXX:-c++}" g++ clang++); do
  for standard in c++11 c++17 c++20; do
    compiles "$cxx" "-std=$standard" tests/abi/header_test.cpp
    alone "$cxx" "-std=$standard"
  done
done

# covered WHAT ROW NAMES...: layout.h has ROW(name for every name.
covered() {
  what=$1 row=$2
  shift 2
  missing=
  for name in "$@"; do
    grep -q "^$row($name, " tests/abi/layout.h || missing="$missing $name"
  done
  if [ $# -gt 0 ] && [ -z "$missing" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $what without a row $row in tests/abi/layout.h:${missing:- none was found in include/*.h}"
  fi
}

# shellcheck disable=SC2046
covered "structs" SIZE $(sed -n 's/^\(typedef \)\{0,1\}struct \(fm_[a-z0-9_]*\) {$/\2/p' include/*.h)
# shellcheck disable=SC2046
covered "constants" VALUE $(sed -n '/FM_VERSION/d; s/^#define \(FM_[A-Z0-9_]*\) [(0-9].*/\1/p' include/*.h)

# Every field has its row, in order: fields of the headers and rows of layout.h as lines "struct field".
sed 's|/\*.*\*/||; s|/\*.*||; /^ *[^ ].*\*\/$/d' include/*.h | awk '
  /^(typedef )?struct fm_[a-z0-9_]* \{$/ { type = $(NF - 1); next }
  /^}/ { type = "" }
  type != "" && /;/ {
    if (match($0, /\(\*[a-z0-9_]+\)/)) { print type, substr($0, RSTART + 2, RLENGTH - 3); next }
    sub(/;.*/, "")
    n = split($0, names, ",")
    for (i = 1; i <= n; i++) {
      sub(/\[[0-9]+\].*/, "", names[i])
      sub(/.*[ *]/, "", names[i])
      print type, names[i]
    }
  }' >"$dir/fields"
sed -n 's/^FIELD(\(fm_[a-z0-9_]*\), \([a-z0-9_]*\), .*/\1 \2/p' tests/abi/layout.h >"$dir/rows"
sort "$dir/fields" >"$dir/fields.sorted"
sort "$dir/rows" | diff "$dir/fields.sorted" - >"$dir/said"
if [ -s "$dir/fields" ] && [ ! -s "$dir/said" ]; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
  echo "FAILED: fields of the headers (<) and rows FIELD of tests/abi/layout.h (>):"
  cat "$dir/said"
fi

# No padding between fields, and only pointers are narrower where pointers are: with the rows for 64 bits this says
# where every field is on 32 bits.
{
  echo '#include "layout.h"'
  sed -n 's/^FIELD(\(.*\))$/\1/p' tests/abi/layout.h | awk -F ', ' '{
    from = $1 == type ? "offsetof(" type ", " field ") + sizeof(((" type " *)0)->" field ")" : "0"
    type = $1
    field = $2
    printf "HOLDS(offsetof(%s, %s) == %s);\n", type, field, from
    size = "sizeof(((" type " *)0)->" field ")"
    printf "HOLDS(%s == %d || (%d == 8 && %s == sizeof(void *)));\n", size, $4 - $3, $4 - $3, size
  }'
} >"$dir/packed.c"
for cc in $(present "${CC:-cc}" arm-linux-gnueabihf-gcc aarch64-linux-gnu-gcc); do
  compiles "$cc" -std=c11 -Itests/abi "$dir/packed.c"
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
