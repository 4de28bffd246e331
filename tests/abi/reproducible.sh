#!/bin/sh
# Two builds give the same bytes: in folders of other names, in other orders, at another time of another zone.
#
#   MAKE=make sh tests/abi/reproducible.sh
#
# Compiler and flags are those of the environment and of make's own arguments. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
make=${MAKE:-make}
passed=0
failed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-twice.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# empty WHAT FILE: nothing is in the file.
empty() {
  if [ -s "$2" ]; then
    failed=$((failed + 1))
    echo "FAILED: $1:"
    sed 's/^/  /' "$2" | tail -n 20
  else
    passed=$((passed + 1))
  fi
}

grep -rnE '__DATE__|__TIME__|__TIMESTAMP__' src include >"$dir/out"
empty "a source file holds the time" "$dir/out"

# build COPY OUT ZONE JOBS: a copy of the tree, built into OUT, without what an outer make says.
build() {
  mkdir -p "$1"
  cp -R Makefile ./*.in include src tests bench docs "$1/"
  (cd "$1" && unset MAKEFLAGS MAKEOVERRIDES MFLAGS && TZ=$3 $make --no-print-directory "-j$4" "BUILD=$2" lib "$2/flowmatch") \
    >"$dir/said" 2>&1 && : >"$dir/said"
  empty "a build in $1" "$dir/said"
}
first=$dir/one/build
second=$dir/elsewhere/other
build "$dir/one" build UTC "${JOBS:-1}"
build "$dir/another-folder-of-a-longer-name" "$second" Pacific/Auckland 1

for file in libflowmatch.a flowmatch $(cd "$first" 2>/dev/null && ls libflowmatch.so.*.*.*); do
  cmp "$first/$file" "$second/$file" >"$dir/out" 2>&1
  empty "$file differs between two builds" "$dir/out"
  # Neither names the folder that it was built in, so the first one is not luck.
  if grep -qF "$dir" "$first/$file"; then echo "$dir" >"$dir/out"; else : >"$dir/out"; fi
  empty "$file names the folder that it was built in" "$dir/out"
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
