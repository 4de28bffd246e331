#!/bin/sh
# Training from a file that is mapped takes no memory of its own: 1e7 rows of 64 columns, at most 200 MB beside
# the system's cache of the file. Needs 2.6 GB of disk for a minute, and /proc.
#
#   FLOWMATCH=build/flowmatch sh tests/large.sh [ROWS]
set -eu
flowmatch=${FLOWMATCH:-flowmatch}
rows=${1:-10000000}
most=204800 # kB

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-large.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

{ printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '<i4', 'fortran_order': False, 'shape': ($rows, 64), }"
  head -c "$((rows * 256))" /dev/urandom; } >"$dir/rows.npy"

"$flowmatch" train "$dir/rows.npy" -o "$dir/model" --steps 200 --quiet &
pid=$!
peak=0
while now=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
  [ "$now" -gt "$peak" ] && peak=$now
  sleep .1
done
wait "$pid"
echo "trained on $rows rows of 64 columns, $((rows / 3906)) MB, in $((peak / 1024)) MB of memory"
if [ "$peak" -gt 0 ] && [ "$peak" -le "$most" ]; then echo "1 passed, 0 failed"; else
  echo "0 passed, 1 failed"
  exit 1
fi
