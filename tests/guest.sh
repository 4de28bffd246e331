#!/bin/sh
# What a guest does to its host, as far as it needs more than one test program: every public function is called
# by the scenarios after which the host's state is compared (tests/oom/guest.c); and in a locale that writes 0,5
# files are the same bytes, texts have points, and the host's locale stays.
#
#   sh tests/guest.sh WORK SHARED PROGRAM PROCESS_TEST OOM_TEST
#
# WORK gets the locale. The last line is "N passed, N failed".
set -u
work=$1 shared=$2 program=$3 process_test=$4 oom_test=$5
locale=de_DE.UTF-8
rm -rf "$work"
mkdir -p "$work" || exit 1
passed=0
failed=0

# Objects of the scenarios lie beside their program.
nm -D --defined-only "$shared" | sed "s/@.*//" | awk '$NF ~ /^fm_/ { print $NF }' | sort >"$work/exported"
nm -u "$(dirname "$oom_test")"/*.o | awk '$NF ~ /^fm_/ { print $NF }' | sort -u >"$work/called"
comm -23 "$work/exported" "$work/called" >"$work/left_out"
if [ -s "$work/exported" ] && [ ! -s "$work/left_out" ]; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
  echo "FAILED: no scenario of tests/oom, nor ask_everything in guest.c, calls:"
  sed 's/^/  /' "$work/left_out"
fi

# Made here, so that nothing depends on which locales the machine has; other C libraries have none with commas.
if ! command -v localedef >/dev/null 2>&1 || ! localedef -i de_DE -f UTF-8 "$work/$locale" >/dev/null 2>&1; then
  echo "SKIPPED: locales with commas, because localedef or its sources are not installed"
  echo "$passed passed, $failed failed"
  [ $failed -eq 0 ]
  exit
fi
export LOCPATH="$work" FM_TEST_LOCALE="$locale"
# newlocale of glibc doesn't free the path that it makes of LOCPATH, which the address sanitizer reports.
echo 'leak:argz_add_sep' >"$work/suppressions"
export LSAN_OPTIONS="suppressions=$work/suppressions:print_suppressions=0"

for test in "$process_test" "$oom_test"; do
  CK_RUN_CASE=$(case $test in *oom_test) echo guest ;; *) echo guest_process ;; esac) "$test"
done

# same WHAT FILE FILE
same() {
  if [ -s "$2" ] && cmp "$2" "$3"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $1 in $locale"
  fi
}
awk 'BEGIN { print "a,b"; for (i = 0; i < 50; i++) print i % 7 + 0.5 "," i * 0.25 }' >"$work/rows.csv"
for lc in C $locale; do
  printf '%s\n' 'steps = 20' 'lr = 0.0015' >"$work/run.conf"
  {
    LC_ALL=$lc "$program" train "$work/rows.csv" --config "$work/run.conf" --net mlp:8x2 --quiet -o "$work/$lc.safetensors"
    LC_ALL=$lc "$program" sample "$work/$lc.safetensors" -n 5 -o "$work/$lc.csv" --quiet
    LC_ALL=$lc "$program" train "$work/rows.csv" --config "$work/run.conf" --print-config -o x >"$work/$lc.conf"
  } >"$work/log" 2>&1 || cat "$work/log"
done
same "a model is other bytes" "$work/C.safetensors" "$work/$locale.safetensors"
same "drawn rows are other text" "$work/C.csv" "$work/$locale.csv"
same "a configuration is other text" "$work/C.conf" "$work/$locale.conf"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
