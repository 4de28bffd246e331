#!/bin/sh
# flowmatch sample --guidance, --weaker, --known.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/guidance_test.sh
#
# Makes its own inputs in a temporary folder. The last line is "N passed, N failed".
set -u

. "$(dirname "$0")/harness.sh"

# Two classes, at x = -1 and 1, with y = x and a little noise.
awk 'BEGIN { srand(2); print "x,y"; for (i = 0; i < 600; i++) { x = 2 * (i % 2) - 1 + .8 * (rand() - .5)
  printf "%.5f,%.5f\n", x, x + .2 * (rand() - .5) } }' >line.csv
awk 'BEGIN { print "class"; for (i = 0; i < 600; i++) print i % 2 }' >classes.csv
quickly="--net mlp:32x3 --batch 128 --quiet"
# shellcheck disable=SC2086
expect 0 "" train line.csv --labels classes.csv -o line.model --steps 600 $quickly
# shellcheck disable=SC2086
expect 0 "" train line.csv --labels classes.csv -o weak.model --steps 40 --net mlp:8x1 --batch 128 --quiet
# shellcheck disable=SC2086
expect 0 "" train line.csv --labels classes.csv -o seed.model --seed 9 --steps 5 $quickly
# shellcheck disable=SC2086
expect 0 "" train line.csv -o plain.model --steps 600 $quickly
# shellcheck disable=SC2086
expect 0 "" train line.csv --labels classes.csv --label-dropout 0 -o needed.model --steps 5 $quickly

# ---- weights -------------------------------------------------------------------------------------------

draw() { expect 0 "" sample line.model -n 200 --label 1 -q "$@"; }
draw -o as_trained.csv
draw -o one.csv --guidance 1
same as_trained.csv one.csv
draw -o three.csv --guidance 3
differ as_trained.csv three.csv
draw -o part.csv --guidance 3 --guidance-interval 0.2:0.7
differ three.csv part.csv
draw -o all.csv --guidance 3 --guidance-interval 0:1
same three.csv all.csv
draw -o auto.csv --guidance 1.5 --weaker weak.model
differ as_trained.csv auto.csv
draw -o steps.csv --guidance 3 --solver rk4 --steps 4 --threads 2
draw -o noisy.csv --guidance 3 --diffusion 0.5
draw -o again.csv --guidance 3 --solver rk4 --steps 4 --threads 1
same steps.csv again.csv

# ---- known values ----------------------------------------------------------------------------------------

# mean FILE COLUMN: of its rows
mean() { awk -F , -v c="$2" 'NR > 1 { s += $c; n++ } END { printf "%.4f\n", s / n }' "$1"; }
# about WHAT GOT WANT TOLERANCE
about() {
  : >log
  if awk -v a="$2" -v b="$3" -v t="$4" 'BEGIN { exit !(a - b <= t && b - a <= t) }'; then pass; else fail "$1: $2, not $3"; fi
}
printf 'x,y\n0.9,\n' >known.csv
expect 0 "" sample plain.model -n 300 --known known.csv -o filled.csv -q
check "the value stays" test "$(awk -F , 'NR > 1 && $1 != 0.9' filled.csv | wc -l)" -eq 0
about "the other column fits it" "$(mean filled.csv 2)" 0.9 0.15
awk 'BEGIN { for (i = 0; i < 40; i++) print i % 2 ? "nan," i / 40 : -i / 40 ",nan" }' >each.csv
expect 0 "" sample plain.model -n 40 --known each.csv --keep values -o each_out.csv -q
check "each its own value" awk -F , 'NR > 1 { i = NR - 2; v = i % 2 ? $2 : -$1; if ((v - i / 40) ^ 2 > 1e-12) exit 1 }' each_out.csv
printf '0.5,0\n' >mask.csv
printf '0.9,7\n' >both.csv
expect 0 "" sample plain.model -n 300 --known both.csv --mask mask.csv --keep pull -o pulled.csv -q
check "pulled rows differ" test "$(awk -F , 'NR > 1 && $1 == 0.9' pulled.csv | wc -l)" -lt 5
expect 0 "" sample line.model -n 50 --label 0 --guidance 2 --known known.csv -o both_ways.csv -q

# A value that is known is not missing.
awk 'BEGIN { print "x,y"; for (i = 0; i < 300; i++) print i % 10 "," (i % 2 ? i % 7 : "") }' >holes.csv
expect 0 "1 with missing values" train holes.csv --missing mask -o holes.model --net mlp:16x2 --steps 200
printf '3,2\n' >whole.csv
expect 0 "" sample holes.model -n 50 --known whole.csv -o whole_out.csv -q
check "it is there in every row" test "$(grep -c '^3,2$' whole_out.csv)" -eq 50

# ---- what doesn't fit ------------------------------------------------------------------------------------

expect 2 "--weaker goes with --guidance" sample line.model -n 3 -o x.csv --weaker weak.model
expect 2 "--guidance-interval goes with --guidance" sample line.model -n 3 -o x.csv --guidance-interval 0:1
expect 2 "--mask goes with --known" sample line.model -n 3 -o x.csv --mask mask.csv
expect 2 "--keep goes with --known" sample line.model -n 3 -o x.csv --keep pull
expect 2 "is not like 0.2:0.8" sample line.model -n 3 -o x.csv --guidance 2 --guidance-interval 0.8:0.2
expect 2 "is not like 0.2:0.8" sample line.model -n 3 -o x.csv --guidance 2 --guidance-interval 0.8
expect 1 "nothing to guide to" sample line.model -n 3 -o x.csv --guidance 2
expect 1 "there is no unconditional velocity" sample plain.model -n 3 -o x.csv --guidance 2
expect 1 "has no unconditional velocity" sample needed.model -n 3 --label 1 -o x.csv --guidance 2
expect 1 "columns, classes" sample line.model -n 3 --label 1 -o x.csv --guidance 2 --weaker plain.model
expect 1 "with the same --path and --seed" sample line.model -n 3 --label 1 -o x.csv --guidance 2 --weaker seed.model
expect 1 "No such file" sample line.model -n 3 -o x.csv --known missing.csv
printf '1,2,3\n' >three_columns.csv
expect 1 "3 columns, but the model has 2" sample plain.model -n 3 -o x.csv --known three_columns.csv
expect 1 "40 rows, but 3 are drawn" sample plain.model -n 3 -o x.csv --known each.csv
expect 1 "for --keep both or pull" sample plain.model -n 3 -o x.csv --known both.csv --mask mask.csv --keep values
printf '2,0\n' >large.csv
expect 1 "expected 0 to 1, found 2" sample plain.model -n 3 -o x.csv --known both.csv --mask large.csv

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
