#!/bin/sh
# The headers that need no library of a machine (Random123, jsmn, xxHash), in a folder by themselves: a compiler for
# another C library can't be given /usr/include.
#
#   sh tests/cross/headers.sh FOLDER
set -u
mkdir -p "$1" || exit 1
for name in Random123 jsmn.h xxhash.h; do
  for from in /usr/include /usr/local/include; do
    if [ -e "$from/$name" ]; then
      ln -sfn "$from/$name" "$1/$name"
      continue 2
    fi
  done
  echo "$name is not installed"
  exit 1
done
