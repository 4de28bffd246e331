#!/bin/sh
# The API page is made without a warning, and what it lacks would be one.
#
#   sh tests/docs.sh
#
# The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
if ! command -v doxygen >/dev/null 2>&1; then
  echo "SKIPPED: the API page, because doxygen is not installed"
  echo "0 passed, 0 failed"
  exit 0
fi
passed=0
failed=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-docs.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

pass() { passed=$((passed + 1)); }
fail() {
  failed=$((failed + 1))
  echo "FAILED: $1"
  [ ! -s "$dir/said" ] || sed 's/^/  /' "$dir/said"
}

# page HEADERS [SETTING]: the page of a folder of headers.
page() {
  rm -rf "$dir/html"
  { cat docs/Doxyfile; echo "INPUT = $1"; [ $# -lt 2 ] || echo "$2"; } |
    FLOWMATCH_VERSION=test FLOWMATCH_DOCS=$dir doxygen - >"$dir/said" 2>&1
}

if page include; then pass; else fail "the headers' page has warnings"; fi

# Whatever the headers declare is on a page of it.
cat include/*.h | sed 's|/\*.*||' | grep -oE '\bfm_[a-z0-9_]+\(' | tr -d '(' | sort -u >"$dir/functions"
sed -n 's/^#define \(FM_[A-Z0-9_]*\) .*/\1/p' include/*.h | sort -u >"$dir/constants"
sed -n 's/^\(typedef \)\{0,1\}struct \(fm_[a-z0-9_]*\) {$/\2/p' include/*.h >"$dir/structs"
cat "$dir"/html/*.html | tr -c 'A-Za-z0-9_' '\n' | grep -iE '^fm_' | sort -u >"$dir/words"
sort -u "$dir/functions" "$dir/constants" "$dir/structs" | comm -23 - "$dir/words" >"$dir/said"
if [ "$(wc -l <"$dir/functions")" -gt 50 ] && [ ! -s "$dir/said" ]; then pass; else fail "declared, but not in the page"; fi

# finds WHAT SED: a header that sed alters makes the page fail.
finds() {
  rm -rf "$dir/altered" && mkdir "$dir/altered" && cp include/*.h "$dir/altered/"
  sed "$2" include/flowmatch.h >"$dir/altered/flowmatch.h"
  if cmp -s include/flowmatch.h "$dir/altered/flowmatch.h"; then
    fail "$1: nothing was altered"
  elif page "$dir/altered" "GENERATE_HTML = NO"; then
    fail "$1: not noticed"
  else
    pass
  fi
}
finds "a function without a comment" 's/^FM_API uint32_t fm_version(void);/\n&/'
finds "a constant without a comment" 's/^\(#define FM_ACT_TANH 6u\).*/\1/'
finds "a field without a comment" 's|^\(  uint64_t batch;\).*|\1|'
finds "a comment about a function that there is not" 's/fm_net_init with the seed/fm_net_start with the seed/'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
