#!/bin/sh
# The programs of README.md: each ```c block with a main, built against an installed copy by the command that the
# README shows after it, and run.
#
#   sh tests/examples.sh PREFIX WORK [README]
#
# PREFIX has the installed library, WORK is a folder for what is built. The last line is "N passed, N failed".
set -u
prefix=$1 work=$2
cd "$(dirname "$0")/.." || exit 1
readme=${3:-README.md}

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export LD_LIBRARY_PATH="$prefix/lib"
passed=0
failed=0

# Block N goes to N/program, the first line after it that compiles to N/command.
rm -rf "$work"
mkdir -p "$work" || exit 1
awk -v work="$work" '
  /^```/ {
    if (!inside) { inside = 1; language = substr($0, 4); text = ""; next }
    inside = 0
    if (language == "c" && text ~ /int main/) {
      folder = work "/" ++n
      system("mkdir -p " folder)
      printf "%s", text >(folder "/program")
      close(folder "/program")
      wanted = 1
    }
    next
  }
  inside { text = text $0 "\n" }
  inside && wanted && /^\$?[ ]*(cc|gcc|clang) / {
    sub(/^\$ */, "")
    print >(work "/" n "/command")
    close(work "/" n "/command")
    wanted = 0
  }' "$readme"

fail() {
  failed=$((failed + 1))
  echo "FAILED: program $1 of $readme $2"
  [ ! -s "$work/$1/log" ] || sed 's/^/  | /' "$work/$1/log"
}

n=1
while [ -e "$work/$n/program" ]; do
  if [ ! -s "$work/$n/command" ]; then
    fail $n "is followed by no command that builds it"
  else
    source=$(grep -o '[A-Za-z0-9_]*\.c' "$work/$n/command" | head -1)
    mv "$work/$n/program" "$work/$n/${source:-none.c}"
    if (cd "$work/$n" && sh ./command) >"$work/$n/log" 2>&1; then
      passed=$((passed + 1))
    else
      fail $n "does not build and run by its command: $(cat "$work/$n/command")"
    fi
  fi
  n=$((n + 1))
done
if [ $n -eq 1 ]; then
  echo "FAILED: there is no program in $readme"
  failed=1
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
