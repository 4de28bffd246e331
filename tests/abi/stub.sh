#!/bin/sh
# A library that has the interface of a folder of headers and does nothing: what breaks.sh compares in place of
# whole builds.
#
#   CC=cc sh tests/abi/stub.sh INCLUDE MAP OUT.so
set -eu
include=$1 map=$2 out=$3
{
  for header in "$include"/*.h; do echo "#include \"$(basename "$header")\""; done
  # Every FM_API declaration, with a body.
  cat "$include"/*.h | tr '\n' ' ' | sed 's|/\*|\n/*|g; s|\*/|\n|g' | sed '/^\/\*/d' | tr '\n' ' ' | sed 's/;/;\n/g' |
    sed -n 's/.*FM_API \([^(]*[ *]fm_[a-z0-9_]*(.*)\) *;/\1/p' |
    sed 's/^void .*/& {}/; /}$/! s/$/ { return 0; }/'
} >"$out.c"
"${CC:-cc}" -std=c11 -g -O0 -ffile-prefix-map="$(dirname "$out")"=. -fPIC -shared -fvisibility=hidden -I"$include" -Wl,-soname,libflowmatch.so.0 -Wl,-z,defs \
  -Wl,--version-script="$map",--no-undefined-version -o "$out" "$out.c"
