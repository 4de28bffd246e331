#!/bin/sh
# Runs test programs side by side, shows what failed, and adds up.
#
#   sh tests/run.sh LOGS NAME COMMAND [NAME COMMAND]...
#
# LOGS is a folder that gets NAME.log of every test. In the environment: JOBS, how many run at a time (the number
# of processors); TEST_TIMEOUT, seconds for one (600); V=1 shows every test. A test counts by what it says, the
# summary of Check or "N passed, N failed", else as one. The last line is the total, "N passed, N failed".
set -u
timeout=${TEST_TIMEOUT:-600}

# ---- one test: run.sh --one LOGS NAME ------------------------------------------------------------------

# Prints "passed failed" for a log, given the exit code.
count() {
  awk -v code="$2" '
    /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
      split($0, n, /[^0-9]+/) # percent, checks, failures, errors
      passed += n[2] - n[3] - n[4]
      failed += n[3] + n[4]
      counted = 1
    }
    /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3; counted = 1 }
    /^SKIPPED: / { skipped = 1 }
    END {
      if (code != 0 && failed == 0) failed = 1
      if (code == 0 && !counted && !skipped) passed = 1
      if (passed + failed == 0 && !skipped) failed = 1 # a test that tests nothing
      print passed + 0, failed + 0
    }' "$1"
}

if [ "$1" = --one ]; then
  log=$2/$3.log
  limit=
  command -v timeout >/dev/null 2>&1 && limit="timeout $timeout"
  began=$(date +%s)
  $limit sh "$2/$3.command" >"$log" 2>&1 </dev/null
  code=$?
  seconds=$(($(date +%s) - began))
  [ $code -ne 124 ] || [ -z "$limit" ] || echo "It was ended after $timeout s." >>"$log"
  echo "$(count "$log" $code) $code $seconds" >"$2/$3.result"
  exit 0
fi

# ---- all of them ---------------------------------------------------------------------------------------

logs=$1
shift
rm -rf "$logs"
mkdir -p "$logs" || exit 1

# Checks run in a process each and are ended after 4 s by default: too short for a busy machine.
export CK_DEFAULT_TIMEOUT="$timeout"

while [ $# -ge 2 ]; do
  echo "$2" >"$logs/$1.command"
  echo "$1"
  shift 2
done >"$logs/names"
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
xargs -n 1 -P "$jobs" sh "$0" --one "$logs" <"$logs/names"

passed=0
failed=0
while read -r name; do
  # An end from outside leaves no result.
  if [ -s "$logs/$name.result" ]; then
    read -r p f code seconds <"$logs/$name.result"
  else
    p=0 f=1 code=none seconds=none
  fi
  passed=$((passed + p))
  failed=$((failed + f))
  [ "${V:-0}" != 1 ] || echo "$name: $p passed, $f failed ($seconds s)"
  if [ "$f" -ne 0 ]; then
    echo "---- $name failed (exit code $code): $(cat "$logs/$name.command")"
    tail -n 200 "$logs/$name.log"
    echo "----"
  else
    grep '^SKIPPED: ' "$logs/$name.log"
  fi
done <"$logs/names"

echo "$passed passed, $failed failed" | tee "$logs/total"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
