#!/bin/sh
# Programs that embed the library, each built from its own folder against an installed copy by its language's
# own tool, without a network, and run.
#
#   CC=cc CXX=c++ sh tests/ffi/ffi.sh PREFIX WORK CALLER...
#
# PREFIX has the installed library, WORK is a folder for what is built. CALLER is
#
#   c c-static c++                pkg-config
#   c-cmake c++-cmake             find_package, shared and static
#   hpp hpp-all                   the tests of flowmatch.hpp in two of its modes; in all, under all compilers
#   rust go                       cargo and go, every one on the PATH
#   fortran
#
# The last line is "N passed, N failed". A caller whose tool is missing says SKIPPED; with FFI_ALL=1 it has
# failed.
set -u
prefix=$1 work=$2
shift 2
cd "$(dirname "$0")" || exit 1
here=$PWD
cc=${CC:-cc} cxx=${CXX:-c++} pkg_config=${PKG_CONFIG:-pkg-config}
passed=0
failed=0

# The linker's own setting comes from a sanitizer build or a host; a caller has to find its library here.
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export LD_LIBRARY_PATH="$prefix/lib"
mkdir -p "$work" || exit 1

warnings="-Wall -Wextra -Wpedantic -Wconversion -Werror"
flags() { $pkg_config "$@" libflowmatch; }
# The static library, and what it needs in its turn.
static_flags() { flags --static --cflags --libs | sed 's/-lflowmatch/-l:libflowmatch.a/'; }

# ---- steps -------------------------------------------------------------------------------------------------

# step NAME WHAT COMMAND...: counts, and shows what a failed command said.
step() {
  name=$1 what=$2
  shift 2
  if "$@" >"$work/$name.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name: $what:"
    cat "$work/$name.log"
  fi
}

# run NAME PROGRAM shared|static: the program has the library inside or not, and does its work.
run() {
  case $3 in
  shared) needed='NEEDED.*\[libflowmatch\.so\.[0-9]*\]' ;;
  static) needed='' ;;
  esac
  found=$(readelf -d "$2" | grep 'NEEDED.*libflowmatch')
  if [ -z "$needed" ] && [ -n "$found" ] || ! echo "$found" | grep -q "$needed"; then
    echo "it should have the $3 library, but has ${found:-the static one}"
    return 1
  fi
  "$2" "$work/$1.safetensors"
}

# there CALLER TOOL: whether the tool is there; if not the caller is skipped.
there() {
  # shellcheck disable=SC2086
  set -- "$1" ${2%% *}
  command -v "$2" >/dev/null 2>&1 && return 0
  if [ "${FFI_ALL:-0}" = 1 ]; then
    echo "FAILED: $1: $2 is not installed"
    failed=$((failed + 1))
  else
    echo "SKIPPED: $1: $2 is not installed"
  fi
  return 1
}

# on_path TOOL: every program of that name, the same one by another name once.
on_path() {
  echo "$PATH" | tr : '\n' | while read -r folder; do
    [ -x "$folder/$1" ] && echo "$(readlink -f "$folder/$1") $folder/$1"
  done | awk '!seen[$1]++ { print $2 }'
}

# ---- C, C++, Fortran ---------------------------------------------------------------------------------------

# shellcheck disable=SC2046,SC2086
compile() {
  case $1 in
  c) $cc -std=c99 -O1 $warnings c/caller.c -o "$work/c" $(flags --cflags --libs) -lm -pthread ;;
  c-static) $cc -std=c99 -O1 $warnings c/caller.c -o "$work/c-static" $(static_flags) -pthread ;;
  c++) $cxx -std=c++17 -O1 $warnings cpp/caller.cpp -o "$work/c++" $(flags --cflags --libs) -pthread ;;
  fortran)
    # Modules are written to the present folder.
    (cd "$work" && gfortran -std=f2008 -O1 -Wall -Wextra -Wconversion -Werror -fopenmp \
      "$here/fortran/flowmatch.f90" "$here/fortran/caller.f90" -o fortran $(flags --libs))
    ;;
  esac
}

cmake_build() { # NAME FOLDER
  rm -rf "$work/$1.build"
  CC="$cc" CXX="$cxx" cmake -S "$2" -B "$work/$1.build" -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$work/$1.build"
}

# hpp COMPILER FLAGS...: builds and runs the tests of flowmatch.hpp.
# shellcheck disable=SC2046,SC2086
hpp() {
  "$@" -O0 $warnings -Wshadow ../abi/hpp_test.cpp -o "$work/hpp" $(flags --cflags --libs) -pthread &&
    "$work/hpp"
}

# shellcheck disable=SC2086
hpp_all() {
  for compiler in "$cxx" g++ clang++; do
    program=$(command -v ${compiler%% *}) && echo "$(readlink -f "$program") $compiler"
  done | awk '!seen[$1]++ { sub(/[^ ]* /, ""); print }' >"$work/hpp-compilers"
  while read -r compiler; do
    for standard in c++17 c++20; do
      for mode in -fexceptions -fno-exceptions -DFLOWMATCH_NO_EXCEPTIONS; do
        step hpp "$compiler -std=$standard $mode" hpp $compiler -std=$standard $mode
      done
    done
  done <"$work/hpp-compilers"
}

# ---- Rust and Go -------------------------------------------------------------------------------------------

# The crates with their tests (the C compiler holds the declarations against the header), and the program.
rust() { # NUMBER CARGO
  (
    cd rust || exit 1
    export CARGO_TARGET_DIR="$work/rust.$1" CARGO_HOME="$work/cargo-home" RUSTFLAGS="-D warnings"
    export CC="$cc" PKG_CONFIG="$pkg_config"
    # The compiler beside this cargo.
    folder=$(dirname "$2")
    [ ! -x "$folder/rustc" ] || export RUSTC="$folder/rustc"
    [ ! -x "$folder/rustdoc" ] || export RUSTDOC="$folder/rustdoc"
    "$2" build --offline --locked --examples && "$2" test --offline --locked
  ) && run "rust.$1" "$work/rust.$1/debug/examples/caller" shared
}

# With the strictest check of pointers that are passed to C: part of the run until Go 1.20, of the build from
# 1.21 on.
go_caller() { # NUMBER GO
  (
    cd go || exit 1
    export GOCACHE="$work/go-cache" GOPATH="$work/go-path" GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local
    export CGO_ENABLED=1 CC="$cc" PKG_CONFIG="$pkg_config"
    case $("$2" env GOVERSION) in
    go1.19* | go1.20*) ;;
    *) export GOEXPERIMENT=cgocheck2 ;;
    esac
    "$2" vet ./... && "$2" build -o "$work/go.$1" .
  ) && GODEBUG=cgocheck=$(case $("$2" env GOVERSION) in go1.19* | go1.20*) echo 2 ;; *) echo 1 ;; esac) \
    run "go.$1" "$work/go.$1" shared
}

# every TOOL FUNCTION: with each version that is here.
every() {
  number=1
  on_path "$1" >"$work/$1-tools"
  while read -r tool; do
    step "$1" "$tool" "$2" $number "$tool"
    number=$((number + 1))
  done <"$work/$1-tools"
}

# ---- all of them -------------------------------------------------------------------------------------------

compiled() { compile "$1" && run "$1" "$work/$1" "$2"; }
by_cmake() { # NAME FOLDER
  cmake_build "$1" "$2" && run "$1" "$work/$1.build/caller" shared &&
    run "$1" "$work/$1.build/caller_static" static
}

for caller in "$@"; do
  case $caller in
  c) there c "$cc" && step c "cc and pkg-config" compiled c shared ;;
  c-static) there c-static "$cc" && step c-static "cc and pkg-config --static" compiled c-static static ;;
  c++) there c++ "$cxx" && step c++ "c++ and pkg-config" compiled c++ shared ;;
  c-cmake) there c-cmake cmake && step c-cmake "CMake" by_cmake c-cmake "$here/c" ;;
  c++-cmake) there c++-cmake cmake && step c++-cmake "CMake" by_cmake c++-cmake "$here/cpp" ;;
  hpp)
    if there hpp "$cxx"; then
      # shellcheck disable=SC2086
      step hpp "exceptions" hpp $cxx -std=c++17
      # shellcheck disable=SC2086
      step hpp "results" hpp $cxx -std=c++17 -fno-exceptions
    fi
    ;;
  hpp-all) there hpp-all "$cxx" && hpp_all ;;
  rust) there rust cargo && every cargo rust ;;
  go) there go go && every go go_caller ;;
  fortran) there fortran gfortran && step fortran gfortran compiled fortran shared ;;
  *)
    echo "FAILED: no such caller: $caller"
    failed=$((failed + 1))
    ;;
  esac
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
