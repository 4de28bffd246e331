#!/bin/sh
# What leaves the libraries: the functions of the public headers and nothing else, few dependencies, a small file.
#
#   sh tests/abi/symbols.sh SHARED STATIC BAD_ARGS_TEST
#
# BAD_ARGS_TEST --list prints the functions that the tests of bad arguments cover. The last line is
# "N passed, N failed".
set -u
shared=$1 static=$2 bad_args=$3
cd "$(dirname "$0")/../.." || exit 1
passed=0
failed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/flowmatch-abi.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# empty WHAT FILE: nothing is in the file.
empty() {
  if [ -s "$2" ]; then
    failed=$((failed + 1))
    echo "FAILED: $1:"
    sed 's/^/  /' "$2"
  else
    passed=$((passed + 1))
  fi
}

# FM_API declarations may span lines, comments between them don't count.
cat include/*.h | tr '\n' ' ' | sed 's|/\*|\n/*|g; s|\*/|\n|g' | sed '/^\/\*/d' | tr '\n' ' ' | sed 's/;/;\n/g' |
  sed -n 's/.*FM_API [^(]*[ *]\(fm_[a-z0-9_]*\)(.*/\1/p' | sort >"$dir/declared"
if [ "$(wc -l <"$dir/declared")" -lt 50 ]; then
  failed=$((failed + 1))
  echo "FAILED: include/*.h seem to declare only $(wc -l <"$dir/declared") functions"
fi

"$bad_args" --list | sort >"$dir/covered"
comm -23 "$dir/declared" "$dir/covered" >"$dir/out"
empty "declared, but in no test of bad arguments (tests/abi/bad_args_list.h)" "$dir/out"
comm -13 "$dir/declared" "$dir/covered" >"$dir/out"
empty "tested, but not declared in include/*.h" "$dir/out"

# src/api/symbols.map is the list of what is exported; its blocks have names, which are symbols too.
sed -n 's/^ *\(fm_[a-z0-9_]*\);$/\1/p' src/api/symbols.map | sort >"$dir/listed"
comm -13 "$dir/declared" "$dir/listed" >"$dir/out"
empty "in src/api/symbols.map, but not declared in include/*.h" "$dir/out"
comm -23 "$dir/declared" "$dir/listed" >"$dir/out"
empty "declared, but not in src/api/symbols.map" "$dir/out"
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $NF); print $NF }' | sort >"$dir/exported"
sed -n 's/.*pub fn \(fm_[a-z0-9_]*\)(.*/\1/p' tests/ffi/rust/flowmatch-sys/src/functions.rs | sort >"$dir/rust"
comm -23 "$dir/exported" "$dir/rust" >"$dir/out"
empty "exported, but not in flowmatch-sys (tests/ffi/rust)" "$dir/out"
comm -13 "$dir/declared" "$dir/exported" >"$dir/out"
empty "exported, but not declared in include/*.h" "$dir/out"
comm -23 "$dir/declared" "$dir/exported" >"$dir/out"
empty "declared, but not exported" "$dir/out"

# The static library can't hide; its names have a prefix of ours. Weak ones come from the compiler.
nm -g --defined-only "$static" | awk 'NF == 3 && $2 !~ /[WVw]/ { print $3 }' | grep -Ev '^fmi?_' >"$dir/out"
empty "global in the static library without the prefix fm_ or fmi_" "$dir/out"

readelf -d "$shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -Ev '^(lib(openblas|blis|blas|cblas)[^/]*|libm|libc|libpthread|ld-linux[^/]*)\.so' >"$dir/out"
empty "needed beyond the BLAS, libm and libc" "$dir/out"
readelf -d "$shared" | grep -E 'RPATH|RUNPATH|TEXTREL' >"$dir/out"
empty "dynamic tags that don't belong" "$dir/out"
: >"$dir/out"
readelf -d "$shared" | grep -q 'SONAME.*\[libflowmatch\.so\.[0-9]*\]' || echo "no soname" >"$dir/out"
empty "soname" "$dir/out"

# One constructor (frame_dummy) and one destructor belong to the C runtime.
readelf -SW "$shared" | awk '{ sub(/^ *\[ *[0-9]+\] */, "") }
  $1 ~ /^\.(init_array|fini_array|ctors|dtors|preinit_array)/ && $5 !~ /^0*8$/ { print }' >"$dir/out"
for object in $(ar t "$static" | sort -u); do
  ar p "$static" "$object" >"$dir/object.o" 2>/dev/null
  readelf -SW "$dir/object.o" | sed -n "s/^ *\[ *[0-9]*\] */$object /p"
done >"$dir/sections" # object, name, type, address, offset, size
awk '$2 ~ /^\.(init_array|fini_array|ctors|dtors)/ { print $1, $2 }' "$dir/sections" >>"$dir/out"
empty "constructors" "$dir/out"

# No mutable global, so that any number of users may share a process. (.data.rel.ro is constant once loaded.)
awk '$2 ~ /^\.(data|bss|tdata|tbss)/ && $2 !~ /^\.data\.rel\.ro/ && $6 !~ /^0*$/ { print $1, $2, $6 }' "$dir/sections" >"$dir/out"
empty "writable data" "$dir/out"

cp "$shared" "$dir/stripped.so" && strip "$dir/stripped.so"
: >"$dir/out"
bytes=$(wc -c <"$dir/stripped.so")
[ "$bytes" -lt 1000000 ] || echo "$bytes bytes" >"$dir/out"
empty "stripped size of 1 MB or more" "$dir/out"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
