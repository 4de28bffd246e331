#!/bin/sh
# Two moons: makes them, learns them, and looks at how noise flows there.
#
#   FLOWMATCH=build/flowmatch sh docs/examples/moons.sh OUTDIR
#
# OUTDIR gets moons.csv, moons.safetensors and three pictures: flow.png, density.png and loss.png.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: FLOWMATCH=path/to/flowmatch sh $0 OUTDIR" >&2
  exit 2
fi
out=$1
flowmatch=${FLOWMATCH:-flowmatch}
mkdir -p "$out"

awk 'function noise() { return .06 * sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
  BEGIN {
    srand(1)
    print "x,y"
    for (i = 0; i < 4000; i++) {
      a = 3.141592654 * rand()
      upper = i % 2
      printf "%.5f,%.5f\n", (upper ? cos(a) : 1 - cos(a)) + noise(), (upper ? sin(a) : .5 - sin(a)) + noise()
    }
  }' >"$out/moons.csv"

"$flowmatch" train "$out/moons.csv" -o "$out/moons.safetensors" --net resmlp:64x3 --steps 4000
"$flowmatch" plot "$out/moons.safetensors" -o "$out/flow.png" -n 150 --data "$out/moons.csv" --quiet
"$flowmatch" plot "$out/moons.safetensors" -o "$out/density.png" --kind density --data "$out/moons.csv" --quiet
"$flowmatch" plot "$out/moons.safetensors" -o "$out/loss.png" --kind loss --quiet
echo "drew      $out/flow.png, density.png and loss.png"
