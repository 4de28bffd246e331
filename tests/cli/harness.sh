# What the tests of the program share: a folder of their own to work in, and assertions that count. To be
# sourced; the including test ends with a line "$passed passed, $failed failed".
#
#   . "$(dirname "$0")/harness.sh"
# shellcheck shell=sh disable=SC2034,SC2154

flowmatch=${FLOWMATCH:-flowmatch}
case $flowmatch in */*) flowmatch=$(cd "$(dirname "$flowmatch")" && pwd)/$(basename "$flowmatch") ;; esac
dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-test.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
cd "$dir" || exit 1

passed=0
failed=0

pass() { passed=$((passed + 1)); }
fail() {
  failed=$((failed + 1))
  echo "FAILED: $*"
  [ ! -s log ] || sed 's/^/  | /' log
}

# expect CODE TEXT ARGUMENTS...: the program returns CODE and prints TEXT (a fixed string) somewhere; an empty
# TEXT: it prints nothing.
expect() {
  code=$1 text=$2
  shift 2
  "$flowmatch" "$@" >log 2>&1 </dev/null
  got=$?
  if [ $got -ne "$code" ]; then fail "exit code $got, not $code: flowmatch $*"
  elif [ -z "$text" ] && [ -s log ]; then fail "something is printed: flowmatch $*"
  elif [ -n "$text" ] && ! grep -qF -e "$text" log; then fail "no '$text': flowmatch $*"
  else pass; fi
}

# check WHAT COMMAND...: the command succeeds.
check() {
  what=$1
  shift
  : >log
  if "$@" >log 2>&1; then pass; else fail "$what"; fi
}

same() { check "$1 and $2 differ" cmp "$1" "$2"; }
differ() { : >log; if cmp -s "$1" "$2"; then fail "$1 and $2 are the same"; else pass; fi; }
