#!/bin/sh
# Built for musl, without BLAS and libpng: the libraries and the program, the program of README.md as a static
# binary, and what the program says where it would draw.
#
#   sh tests/cross/musl.sh WORK
#
# MUSL_CC is the compiler (musl-gcc). The last line is "N passed, N failed"; without the compiler it is SKIPPED.
set -u
mkdir -p "$1" && work=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MAKELEVEL CFLAGS LDFLAGS CPPFLAGS
cc=${MUSL_CC:-musl-gcc}
log=$work/log
out=$work/build
. tests/counting.sh
where="musl: "

# refuses TEXT COMMAND...: it fails and says TEXT.
refuses() {
  text=$1
  shift
  ! "$@" >"$work/said" 2>&1 && cat "$work/said" && grep -qF "$text" "$work/said"
}

if ! command -v "$cc" >/dev/null 2>&1; then
  echo "SKIPPED: musl, because $cc is not installed"
elif ! sh tests/cross/headers.sh "$work/headers" >"$log"; then
  echo "SKIPPED: musl, because $(cat "$log")"
else
  build() {
    make --no-print-directory -s V=1 -j"${JOBS:-2}" WERROR=1 BUILD="$out" CC="$cc" CPPFLAGS="-isystem $work/headers" \
      BLAS=none PNG=none "$@"
  }
  if ! build all >"$log" 2>&1; then
    echo "FAILED: musl: doesn't build"
    cat "$log"
    echo "0 passed, 1 failed"
    exit 1
  fi
  check "installs" build install PREFIX="$work/installed"
  needs() { readelf -d "$work/installed/lib/libflowmatch.so.0" | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p'; }
  check "the library needs musl alone" test "$(needs)" = libc.so

  # README's C program, whole and static.
  awk '/^```c$/ { inside = 1; next } /^```/ { inside = 0 } inside' README.md >"$work/readme.c"
  # shellcheck disable=SC2046
  check "README's program builds" $cc -static "$work/readme.c" -o "$work/readme" $(
    PKG_CONFIG_PATH="$work/installed/lib/pkgconfig" ${PKG_CONFIG:-pkg-config} --static --cflags --libs libflowmatch)
  check "README's program runs" sh -c "cd '$work' && rm -f moons.safetensors && ./readme && test -s moons.safetensors"
  check "it is static" sh -c "! readelf -l '$work/readme' | grep -q INTERP"

  program=$out/flowmatch
  check "the program draws what README's saved" "$program" sample "$work/moons.safetensors" -n 100 -o "$work/drawn.csv"
  check "a hundred rows" test "$(wc -l <"$work/drawn.csv")" -ge 100
  check "a picture is refused" refuses "built without pictures" "$program" sample "$work/moons.safetensors" -n 10 \
    -o "$work/drawn.png"
  check "so is a plot" refuses "built without pictures" "$program" plot "$work/moons.safetensors" -o "$work/plot.png"
  check "and a curve, before the training" refuses "built without pictures" "$program" train "$work/drawn.csv" \
    -o "$work/never.safetensors" --loss-curve "$work/loss.png"
  check "nothing was trained" test ! -e "$work/never.safetensors"

  # Files and numbers through another C library: what needs no test library of its own.
  check "the readers of files build" build "$out/tests/fuzz/safetensors_replay" "$out/tests/fuzz/npy_replay" \
    "$out/tests/fuzz/model_replay"
  for target in safetensors npy model; do
    check "$target files" "$out/tests/fuzz/${target}_replay" -mutate 100 1 tests/fuzz/corpus
  done
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
