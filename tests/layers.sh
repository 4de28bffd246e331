#!/bin/sh
# The layers of src/, by what its files include, and what only one file may use. README and docs/design.md draw
# the layers; this is where they hold.
#
#   sh tests/layers.sh [ROOT]
#
# ROOT is the source tree, by default the one that this file is in. The last line is "N passed, N failed".
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1

# What a folder may include, itself aside.
layers='
core:
kern: core
op: core kern
net: core kern op
path: core
couple: core kern
solve: core
model: core kern op net path
data: core model
train: core kern op net path couple model data
sample: core kern op net path model solve
io: core kern op net path couple model data train
eval: core kern op net path couple model data train sample solve
api: core kern op net path couple model data train sample solve eval io
cli:
'

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-layers.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
passed=0
failed=0

# empty WHAT: nothing is in $dir/out.
empty() {
  if [ -s "$dir/out" ]; then
    failed=$((failed + 1))
    echo "FAILED: $1:"
    sed 's/^/  /' "$dir/out"
  else
    passed=$((passed + 1))
  fi
  : >"$dir/out"
}

# Comments and strings are blanked, lines keep their numbers: FILE:LINE:CODE.
code_of() {
  awk '
    FNR == 1 { comment = 0 }
    {
      line = $0
      code = ""
      while (line != "") {
        if (comment) {
          if (!(i = index(line, "*/"))) break
          line = substr(line, i + 2)
          comment = 0
        } else if (match(line, /\/\*|\/\/|"([^"\\]|\\.)*"|\047([^\047\\]|\\.)*\047/)) {
          what = substr(line, RSTART, 2)
          code = code substr(line, 1, RSTART - 1)
          if (what == "//") break
          if (what == "/*") comment = 1
          line = substr(line, RSTART + (what == "/*" ? 2 : RLENGTH))
        } else {
          code = code line
          break
        }
      }
      print FILENAME ":" FNR ":" code
    }' "$@"
}

# ---- includes ------------------------------------------------------------------------------------------

find src -type f \( -name '*.[ch]' -o -name '*.def' \) | sort >"$dir/files"
# FILE LINE NAME of every include, in quotes or <>.
xargs grep -nE '^[[:space:]]*#[[:space:]]*include' <"$dir/files" |
  sed -nE 's/^([^:]*):([0-9]*):[^<"]*([<"])([^>"]*)[>"].*/\1 \2 \3 \4/p' >"$dir/includes"

awk -v layers="$layers" '
  BEGIN {
    n = split(layers, line, "\n")
    for (i = 1; i <= n; i++) {
      if (line[i] == "") continue
      split(line[i], part, ":")
      known[part[1]] = 1
      m = split(part[2], below, " ")
      for (j = 1; j <= m; j++) may[part[1], below[j]] = 1
    }
  }
  {
    split($1, path, "/")
    from = path[2]
    to = $4
    sub(/\/.*/, "", to)
    if (!(from in known)) { print $1 ": the folder src/" from " is in no layer (tests/layers.sh)"; next }
    if (!(to in known) || index($4, "/") == 0) next
    if (from != to && !((from, to) in may)) print $1 ":" $2 ": " from " includes " $4
  }' "$dir/includes" >"$dir/out"
empty "a layer includes one that it may not see"

# Names in quotes are ours, by their folder; ours are in quotes.
awk '$3 == "\"" && $4 !~ /^flowmatch[a-z_]*\.h$/ && $4 !~ /^[a-z]+\/[a-z0-9_]+(\.inc)?\.(h|def)$/ {
  print $1 ":" $2 ": \"" $4 "\"" }' "$dir/includes" >"$dir/out"
empty "an include of ours that is not written \"folder/file.h\""

while read -r file line quote name; do
  [ "$quote" = '"' ] || continue
  [ -e "src/$name" ] || [ -e "include/$name" ] || echo "$file:$line: $name"
done <"$dir/includes" >"$dir/out"
empty "an include of a file that is not in the tree"

# Only the public headers are for programs; no public header knows an internal one.
grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' include/*.h | grep -v '"flowmatch[a-z_]*\.h"' >"$dir/out"
empty "a public header includes an internal one"

# A system header that belongs to one place: HEADER FILES...
only_in() {
  header=$1
  shift
  awk -v header="$header" -v files="$*" '
    BEGIN { n = split(files, f, " "); for (i = 1; i <= n; i++) ok[f[i]] = 1 }
    $3 == "<" && $4 ~ ("^(" header ")$") && !($1 in ok) && $1 !~ /^src\/cli\// { print $1 ":" $2 ": <" $4 ">" }
  ' "$dir/includes" >"$dir/out"
  empty "<$header> is for $* only"
}
only_in 'pthread\.h|sched\.h|threads\.h' src/core/os.h src/core/os.c
only_in 'windows\.h' src/core/os_windows.c
only_in 'stdlib\.h|malloc\.h|alloca\.h' src/core/memory.c
only_in 'fcntl\.h|sys/.*|time\.h|errno\.h|dirent\.h' src/core/os.c
only_in 'unistd\.h' src/core/os.c
only_in 'cblas\.h|blis\.h|blis/.*' src/kern/blas.c
only_in 'Random123/.*' src/core/rng.c
only_in 'jsmn\.h' src/io/json.c
only_in 'xxhash\.h' src/io/safetensors_checksum.c
only_in '.*intrin\.h|arm_neon\.h' src/kern/kern_avx2.c
only_in 'signal\.h' src/core/os.c
only_in 'locale\.h' src/core/os.c
only_in 'fenv\.h' src/core/pool.c src/core/traps.h
only_in 'setjmp\.h|assert\.h|omp\.h' none

# ---- calls ---------------------------------------------------------------------------------------------

grep -v '^src/cli/' "$dir/files" | xargs awk 'FNR == 1 { print FILENAME }' >"$dir/library"
# shellcheck disable=SC2046
code_of $(cat "$dir/library") >"$dir/code"

# calls_only_in NAMES FILES...: functions that only these files may call.
calls_only_in() {
  names=$1
  shift
  grep -E "(^|[^A-Za-z0-9_>.])($names)[[:space:]]*\\(" "$dir/code" >"$dir/calls"
  for file in "$@"; do
    grep -v "^$file:" "$dir/calls" >"$dir/rest"
    mv "$dir/rest" "$dir/calls"
  done
  mv "$dir/calls" "$dir/out"
  empty "calls of $names are for $* only"
}
calls_only_in 'malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|alloca' src/core/memory.c
calls_only_in 'pthread_[a-z_]*|sched_yield' src/core/os.c
calls_only_in 'pthread_sigmask|sig[a-z]+set' src/core/os.c
calls_only_in 'newlocale|uselocale|freelocale' src/core/os.c
calls_only_in 'fe[a-z]*env|fe[a-z]*except|fe[gs]etround' src/core/pool.c src/core/traps.c
calls_only_in 'cblas_[a-z]*|openblas_[a-z_]*|bli_[a-z_]*' src/kern/blas.c
calls_only_in 'open|close|read|write|fsync|rename|unlink|fopen|fclose|fread|fwrite|clock_gettime|getenv' src/core/os.c
calls_only_in 'printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|fputc|perror|sprintf|vsprintf|exit|_exit|abort|assert|signal|sigaction|setlocale|rand|srand|time' none

grep -E '(^|[^A-Za-z0-9_])(stdout|stderr|stdin|environ)([^A-Za-z0-9_]|$)' "$dir/code" >"$dir/out"
empty "streams are for programs"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
