#!/bin/sh
# Breaks of the binary interface are noticed: each is planted in a copy of the headers and lists, built with
# functions that do nothing (stub.sh), and held to abi.sh.
#
#   CC=cc sh tests/abi/breaks.sh SHARED
#
# SHARED is the library itself. The last line is "N passed, N failed".
set -u
shared=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../.." || exit 1
here=$(pwd)
export CC="${CC:-cc}"
passed=0
failed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-breaks.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

pass() { passed=$((passed + 1)); }
fail() {
  failed=$((failed + 1))
  echo "FAILED: $1"
  [ ! -s "$dir/said" ] || sed 's/^/  /' "$dir/said" | head -n 15
}

compares=yes
command -v abidiff >/dev/null 2>&1 && [ "$(uname -m)" = x86_64 ] || compares=
[ -n "$compares" ] || echo "SKIPPED: breaks that only abidiff sees, because there is none here for tests/abi/baseline.abi"

# A fresh copy of what abi.sh reads.
copy() {
  rm -rf "$dir/tree"
  mkdir -p "$dir/tree/include" "$dir/tree/src/api" "$dir/tree/tests/abi"
  cp include/*.h "$dir/tree/include/"
  cp src/api/symbols.map "$dir/tree/src/api/"
  cp tests/abi/layout*.h tests/abi/header_test.c tests/abi/baseline.abi "$dir/tree/tests/abi/"
  cp CHANGELOG.md "$dir/tree/"
}

# alter FILE SED...: edits a file of the copy, and fails if that changes nothing.
alter() {
  file=$dir/tree/$1
  shift
  sed "$@" "$file" >"$dir/altered"
  if cmp -s "$file" "$dir/altered"; then
    : >"$dir/said"
    fail "$what: nothing to alter in $file"
  fi
  mv "$dir/altered" "$file"
}

check_copy() {
  sh "$here/tests/abi/stub.sh" "$dir/tree/include" "$dir/tree/src/api/symbols.map" "$dir/stub.so" >"$dir/said" 2>&1 ||
    { echo "FAILED: link:" >>"$dir/said"; return 1; }
  sh "$here/tests/abi/abi.sh" check "$dir/stub.so" "$dir/tree" >"$dir/said" 2>&1
}

# noticed_by CHECK: abi.sh fails, and that check is among those that say so.
noticed_by() {
  case $1 in abidiff) [ -n "$compares" ] || return ;; esac
  if check_copy; then
    fail "$what: not noticed"
  elif ! grep -q "^FAILED: $1:" "$dir/said"; then
    fail "$what: not noticed by '$1', but by"
  else
    pass
  fi
}

# Nothing planted, nothing found: neither in the library nor in a stub of its headers.
what="no break"
copy
if sh tests/abi/abi.sh check "$shared" >"$dir/said" 2>&1; then pass; else fail "$what: the library"; fi
if check_copy; then pass; else fail "$what: the stub"; fi

# plant WHAT CHECKS FILE SED...: one break, each of the checks must see it.
plant() {
  what=$1 checks=$2
  shift 2
  copy
  alter "$@"
  for check in $checks; do noticed_by "$check"; done
}

plant "two fields in the other order" "layout abidiff" include/flowmatch.h \
  -e '/^  uint64_t every;/{h;d;}' -e '/^  uint64_t patience;/{G;}'
plant "a field in the middle" "layout abidiff" include/flowmatch.h 's/^  uint64_t publish_every;/  uint64_t more;\n&/'
plant "a field at the end" "layout abidiff" include/flowmatch.h 's/^} fm_sampler_options;/  uint64_t more;\n&/'
plant "a field that is gone" "layout abidiff" include/flowmatch.h '/^  uint64_t accumulate;/d'
plant "a field of another size" "layout abidiff" include/flowmatch.h 's/^  uint32_t width;/  uint64_t width;/'
plant "a field of another type of the same size" "abidiff" include/flowmatch.h 's/^  int64_t warmup_steps;/  uint64_t warmup_steps;/'
plant "a field of another name" "layout abidiff" include/flowmatch.h 's/^  double deadline;/  double limit;     /'
plant "a renumbered constant" "layout" include/flowmatch.h 's/^#define FM_SOLVER_HEUN2 4u/#define FM_SOLVER_HEUN2 14u/'
plant "two constants exchanged" "layout" include/flowmatch.h \
  -e 's/^#define FM_PRIOR_UNIFORM 4u/#define FM_PRIOR_UNIFORM 5u/' -e 's/^#define FM_PRIOR_DIAGONAL 5u/#define FM_PRIOR_DIAGONAL 4u/'
plant "a status of another value" "layout" include/flowmatch.h 's/^#define FM_E_IO (-7)/#define FM_E_IO (-70)/'
plant "a constant that is gone" "layout" include/flowmatch_parts.h '/^#define FM_SCORE /d'
plant "an argument of another type" "abidiff" include/flowmatch_parts.h 's/fm_path_snr_inverse(fm_ctx \*ctx, const fm_path \*path, double snr/fm_path_snr_inverse(fm_ctx *ctx, const fm_path *path, float snr/'
plant "an argument more" "abidiff" include/flowmatch.h 's/fm_ctx_create(const fm_ctx_options \*options, /&uint64_t flags, /'
plant "another result" "abidiff" include/flowmatch.h 's/^FM_API uint32_t fm_version(/FM_API uint64_t fm_version(/'
plant "a callback of another type" "abidiff" include/flowmatch.h 's/^typedef int32_t (\*fm_progress_fn)/typedef int64_t (*fm_progress_fn)/'
plant "another status type" "layout abidiff" include/flowmatch.h 's/^typedef int32_t fm_status;/typedef int64_t fm_status;/'
plant "a listed function that is not there" "link" include/flowmatch.h '/^FM_API void fm_ctx_stop(/d'
plant "a function that is not listed" "abidiff" src/api/symbols.map '/^ *fm_ctx_stop;/d'

what="a function that is gone from headers and list"
copy
alter include/flowmatch.h '/^FM_API void fm_ctx_stop(/d'
alter src/api/symbols.map '/^ *fm_ctx_stop;/d'
noticed_by abidiff

what="a new function"
copy
alter include/flowmatch.h 's/^FM_API void fm_ctx_stop(/FM_API void fm_ctx_start(fm_ctx *ctx);\n&/'
alter src/api/symbols.map 's/^ *fm_ctx_stop;/    fm_ctx_start;\n&/'
noticed_by abidiff

what="a library that exports what is not listed"
copy
alter src/api/symbols.map '/^ *fm_ctx_stop;/d'
: >"$dir/said"
if sh tests/abi/abi.sh check "$shared" "$dir/tree" >"$dir/said" 2>&1; then fail "$what: not noticed"; else
  if grep -q '^FAILED: symbols:' "$dir/said"; then pass; else fail "$what: not noticed by 'symbols', but by"; fi
fi

# The baseline may only change together with a line of the changelog.
what="a baseline that the changelog doesn't name"
copy
alter include/flowmatch.h 's/^FM_API void fm_ctx_stop(/FM_API void fm_ctx_start(fm_ctx *ctx);\n&/'
alter src/api/symbols.map 's/^ *fm_ctx_stop;/    fm_ctx_start;\n&/'
if [ -n "$compares" ]; then
  sh tests/abi/stub.sh "$dir/tree/include" "$dir/tree/src/api/symbols.map" "$dir/stub.so"
  sh tests/abi/abi.sh baseline "$dir/stub.so" "$dir/tree" >"$dir/renewed" 2>&1
  noticed_by changelog
  mark=$(sed -n 's/.*"\(ABI baseline [0-9]*\): .*/\1/p' "$dir/renewed")
  what="a new function, a new baseline and a line of the changelog"
  alter CHANGELOG.md "s/ABI baseline [0-9]*: /$mark: fm_ctx_start is new. /"
  if check_copy; then pass; else fail "$what"; fi
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
