#!/bin/sh
# Built for other machines with OpenBLAS, and the unit tests run there through qemu.
#
#   sh tests/cross/cross.sh WORK MACHINE...
#
# MACHINE is aarch64-linux-gnu or arm-linux-gnueabihf; its libraries come from Debian into WORK/MACHINE (see
# sysroot.sh), or from SYSROOT if that is set. TESTS chooses unit tests by their names (all). The last line is
# "N passed, N failed"; a machine whose tools are missing is SKIPPED.
set -u
mkdir -p "$1" && work=$(cd "$1" && pwd) || exit 1
shift
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MAKELEVEL CFLAGS LDFLAGS BLAS
jobs=${JOBS:-2}
log=$work/log
. tests/counting.sh

# No struct of the headers has padding, where pointers have 4 bytes either.
no_padding() {
  for header in include/*.h; do
    echo "#include \"$header\"" |
      "$machine-gcc" --sysroot="$root" -std=c99 -I. -Iinclude -Wpadded -Werror -fsyntax-only -x c - || return 1
  done
}

build() {
  nice make --no-print-directory -s V=1 -j"$jobs" WERROR=1 BUILD="$out" CC="$machine-gcc --sysroot=$root" AR="$machine-ar" \
    EMULATOR="$run" "$@"
}

# qemu (7.2 at least) can't start threads in a forked child of a process that had some.
tests() {
  CK_FORK=no FM_TEST_QUICK=1 OPENBLAS_NUM_THREADS=1 TEST_TIMEOUT=300 build check PARTS=units WRAPPER="$run" \
    ${TESTS:+UNIT="$(for t in $TESTS; do printf '%s ' "$out/tests/unit/${t}_test"; done)"}
}

for machine in "$@"; do
  where="$machine: "
  case $machine in
  aarch64-*) debian=arm64 qemu=qemu-aarch64 ;;
  arm-*) debian=armhf qemu=qemu-arm ;;
  *)
    echo "SKIPPED: $machine: unknown to tests/cross/cross.sh"
    continue
    ;;
  esac
  missing=
  for tool in "$machine-gcc" "$qemu"; do
    command -v $tool >/dev/null 2>&1 || command -v $tool-static >/dev/null 2>&1 || missing="$missing $tool"
  done
  if [ -n "$missing" ]; then
    echo "SKIPPED: $machine:$missing is not installed"
    continue
  fi
  command -v $qemu >/dev/null 2>&1 || qemu=$qemu-static
  root=${SYSROOT:-$work/$machine/root}
  if [ -z "${SYSROOT:-}" ]; then
    sh tests/cross/sysroot.sh $debian "$work/$machine" >"$log" 2>&1
    if [ $? -ne 0 ]; then
      echo "SKIPPED: $machine: no libraries for it: $(tail -n 1 "$log")"
      continue
    fi
  fi
  out=$work/$machine/build
  libraries=/usr/lib/$machine
  run="$qemu -L $root -E LD_LIBRARY_PATH=$libraries/openblas-pthread"
  export PKG_CONFIG_SYSROOT_DIR="$root"
  export PKG_CONFIG_LIBDIR="$root$libraries/openblas-pthread/pkgconfig:$root$libraries/pkgconfig"

  check "no padding in a public struct" no_padding
  # The manual is made by the program itself, through qemu.
  check "builds" build all
  check "makes its manual" grep -q '^\.TH' "$out/pages/flowmatch.1"
  check "installs" build install DESTDIR="$work/$machine/stage" PREFIX=/usr LIBDIR="$libraries"
  check "its .pc names no sysroot" sh -c "! grep -F '$root' '$work/$machine/stage$libraries/pkgconfig/libflowmatch.pc'"
  rm -rf "$work/$machine/stage"
  # shellcheck disable=SC2086
  check "trains" $run "$out/flowmatch" train docs/examples/digits/digits_images.npy -o "$work/$machine/model" \
    --steps 20 --net mlp:16x1 --quiet
  tests >"$log" 2>&1 || cat "$log"
  set_total=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1) # make adds a line after a failure
  case $set_total in
  *" passed, "*" failed")
    passed=$((passed + ${set_total%% passed*}))
    set_total=${set_total#*, }
    failed=$((failed + ${set_total% failed}))
    ;;
  *) failed=$((failed + 1)) ;;
  esac
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
