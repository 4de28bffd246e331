#!/bin/sh
# The guides and their programs: every block of code in docs/guides is a part of the program that the page links
# to, and the programs, built against an installed copy, find that what they claim holds.
#
#   CC=cc sh tests/guides.sh PREFIX WORK
#
# PREFIX has the installed library, WORK is a folder for what is built. The last line is "N passed, N failed".
set -u
prefix=$1 work=$2
cd "$(dirname "$0")/.." || exit 1
cc=${CC:-cc}

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export LD_LIBRARY_PATH="$prefix/lib"
mkdir -p "$work" || exit 1
passed=0
failed=0

# verdict WHAT: counts the exit code of the command before, and shows its log if it failed.
verdict() {
  if [ $? -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1:"
    sed 's/^/  | /' "$work/log"
  fi
}

# blocks_are_code PAGE PROGRAM...: each block is in one of them, and there is one.
blocks_are_code() {
  page=$1
  shift
  awk -v page="$page" '
    FILENAME != page { programs = programs $0 "\n"; next }
    /^```/ {
      if (!inside) { inside = 1; code = $0 ~ /^```(c|go)$/; text = ""; first = FNR + 1; next }
      inside = 0
      if (!code) next
      n++
      if (!index(programs, text)) { print page ": the block in line " first " is in no program of it"; bad = 1 }
      next
    }
    inside { text = text $0 "\n" }
    END { if (n == 0) print page ": no code"; exit bad || n == 0 }' "$@" "$page"
}

# shellcheck disable=SC2046
build_and_run() {
  case $1 in
  *.go)
    # Nothing is fetched.
    (cd "$(dirname "$1")" && GOCACHE="$work/go-cache" GOPATH="$work/go-path" GOFLAGS=-mod=mod GOTOOLCHAIN=local \
      GOPROXY=off CGO_ENABLED=1 CC="$cc" go build -o "$work/service" .) && "$work/service" -check
    ;;
  *)
    name=$(basename "$1" .c)
    $cc -std=c11 -O1 -Wall -Wextra -Wpedantic -Werror "$1" -o "$work/$name" \
      $(${PKG_CONFIG:-pkg-config} --cflags --libs libflowmatch) -lm -pthread && "$work/$name"
    ;;
  esac
}

for page in docs/guides/*.md; do
  programs=$(grep -o '(\.\./examples/[a-z_/-]*\.\(c\|go\))' "$page" | sort -u | sed 's|(\.\.|docs|; s|)||')
  if [ -z "$programs" ]; then
    failed=$((failed + 1))
    echo "FAILED: $page links to no program"
    continue
  fi
  # shellcheck disable=SC2086
  blocks_are_code "$page" $programs >"$work/log" 2>&1
  verdict "$page"
  main=$(echo "$programs" | tail -n 1)
  case $main in *.go) compiler=go ;; *) compiler=$cc ;; esac
  # shellcheck disable=SC2086
  set -- $compiler
  if ! command -v "$1" >/dev/null 2>&1; then
    echo "SKIPPED: $main, because $1 is not installed"
    continue
  fi
  build_and_run "$main" >"$work/log" 2>&1
  verdict "$main"
  [ "${V:-0}" != 1 ] || cat "$work/log"
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
