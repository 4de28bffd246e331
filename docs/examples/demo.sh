#!/bin/sh
# Trains on 80 % of the digits, draws new ones, and measures how good they are against the other 20 %.
#
#   FLOWMATCH=build/flowmatch sh docs/examples/demo.sh OUTDIR
#
# OUTDIR gets digits.png (ten rows of new digits, one a class), loss.png and digits.safetensors.
# DIGITS_QUALITY names the program that measures; by default it is beside the flowmatch program.
set -eu

if [ $# -ne 1 ]; then
  echo "usage: FLOWMATCH=path/to/flowmatch sh $0 OUTDIR" >&2
  exit 2
fi
out=$1
digits=$(dirname "$0")/digits
flowmatch=${FLOWMATCH:-flowmatch}
quality=${DIGITS_QUALITY:-$(dirname "$flowmatch")/docs/examples/digits_quality}

mkdir -p "$out"
"$quality" split "$digits/digits_images.npy" "$digits/digits_labels.npy" "$out"

# 1500 steps: many more, and the model begins to learn these 1437 digits by heart.
"$flowmatch" train "$out/train_images.npy" --labels "$out/train_labels.npy" --steps 1500 --held-out 0 \
  -o "$out/digits.safetensors" --loss-curve "$out/loss.png"

"$flowmatch" sample "$out/digits.safetensors" -n 100 --label each -o "$out/digits.png" --quiet
echo "drew      $out/digits.png, ten of each class"

"$quality" measure "$out/digits.safetensors" "$out"
