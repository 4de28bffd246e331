# counting.sh - tests that are commands: counted, and shown if they fail. To be sourced from the project's root; the
# including test sets $log, the file for what commands say, and $where, what stands before a failure, and ends
# with a line "$passed passed, $failed failed".
# shellcheck shell=sh disable=SC2034,SC2154
passed=0
failed=0

# check WHAT COMMAND...: the command succeeds.
check() {
  what=$1
  shift
  if "$@" >"$log" 2>&1; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED: $where$what"
    tail -n 60 "$log" | sed 's/^/  | /'
  fi
}
