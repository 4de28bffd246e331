#!/bin/sh
# The binary interface is the committed one (docs/abi.md): `make abi-check`, `make abi-baseline`.
#
#   CC=cc sh tests/abi/abi.sh check SHARED [ROOT]
#   CC=cc sh tests/abi/abi.sh baseline SHARED [ROOT]
#
# SHARED is a library built with -g. Headers, lists and baseline are those of ROOT, by default the tree that this
# file is in. `baseline` writes tests/abi/baseline.abi anew and says what CHANGELOG.md has to say. The last line of
# `check` is "N passed, N failed".
set -u
mode=$1
shared=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
cd "${3:-$(dirname "$0")/../..}" || exit 1
baseline=tests/abi/baseline.abi
passed=0
failed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-abi.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# What is in a baseline: the types and functions of the headers, and nothing of the machine that made it.
dump() {
  abidw --headers-dir include --drop-private-types --no-corpus-path --no-comp-dir-path --no-show-locs \
    --no-elf-needed --no-parameter-names --no-write-default-sizes --exported-interfaces-only --drop-undefined-syms \
    --type-id-style hash "$shared"
}

# The line that CHANGELOG.md has while this baseline holds.
mark() { echo "ABI baseline $(cksum <$baseline | cut -d ' ' -f 1)"; }

if [ "$mode" = baseline ]; then
  command -v abidw >/dev/null 2>&1 || { echo "abi-baseline needs abidw (Debian: apt-get install abigail-tools)" >&2; exit 1; }
  dump >"$dir/baseline" && [ -s "$dir/baseline" ] && cp "$dir/baseline" $baseline || exit 1
  echo "$baseline is the interface of $(basename "$shared") now."
  echo "CHANGELOG.md has to name it in the section at the top, with what changed: \"$(mark): ...\""
  exit 0
fi

# empty WHAT FILE: nothing is in the file.
empty() {
  if [ -s "$2" ]; then
    failed=$((failed + 1))
    echo "FAILED: $1:"
    sed 's/^/  /' "$2" | head -n 30
  else
    passed=$((passed + 1))
  fi
}

sed -n 's/^ *\(fm_[a-z0-9_]*\);$/\1/p' src/api/symbols.map | sort >"$dir/listed"
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $NF); print $NF }' | sort >"$dir/exported"
[ -s "$dir/listed" ] || echo "no function" >>"$dir/exported"
comm -3 "$dir/listed" "$dir/exported" >"$dir/out"
empty "symbols: exported and src/api/symbols.map are not the same (left: listed only, right: exported only)" "$dir/out"

"${CC:-cc}" -std=c11 -fsyntax-only -Iinclude tests/abi/header_test.c >"$dir/out" 2>&1
empty "layout: structs or constants are not those of tests/abi/layout.h" "$dir/out"

: >"$dir/out"
grep -nE '/(home|root|tmp|build|usr|work|opt|var)/' $baseline >"$dir/out"
empty "baseline: names folders of a machine" "$dir/out"

awk '/^## / { sections++ } sections == 1' CHANGELOG.md >"$dir/section"
: >"$dir/out"
grep -q "$(mark): ." "$dir/section" || echo "expected \"$(mark): ...\"" >"$dir/out"
empty "changelog: the section at the top of CHANGELOG.md doesn't say what changed in the interface" "$dir/out"

if ! command -v abidiff >/dev/null 2>&1; then
  echo "SKIPPED: the comparison with tests/abi/baseline.abi, because abidiff is not installed"
elif [ "$(uname -m)" != x86_64 ]; then
  echo "SKIPPED: the comparison with tests/abi/baseline.abi, because it is of x86-64"
elif ! readelf -SW "$shared" | grep -q '\.debug_info'; then
  echo "SKIPPED: the comparison with tests/abi/baseline.abi, because the library was built without -g"
else
  # Any difference, an addition and one called harmless too. Both are dumps made in the same way: a baseline has no
  # places in files, and abidiff given a folder of headers takes types without one for private, and is silent.
  # What is in a handle is nobody's business; with clang's debug information it is in the dump.
  sed -n 's/^typedef struct \(fm_[a-z_]*\) \1;.*/\1/p' include/*.h | while read -r handle; do
    grep -q "^struct $handle {" include/*.h || printf '[suppress_type]\n  type_kind = struct\n  name = %s\n' "$handle"
  done >"$dir/handles"
  : >"$dir/out"
  { dump >"$dir/dump" && abidiff --harmless --redundant --suppr "$dir/handles" $baseline "$dir/dump"; } >"$dir/said" 2>&1 ||
    cp "$dir/said" "$dir/out"
  empty "abidiff: the interface is not that of tests/abi/baseline.abi (make abi-baseline, CHANGELOG.md)" "$dir/out"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
