#!/bin/sh
# flowmatch reflow from outside: paths become straight, what a model knows of conditions stays, a distilled model is
# drawn from in its own steps, and what is said to who goes wrong.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/reflow_test.sh
#
# The last line is "N passed, N failed".
set -u
# shellcheck source=tests/cli/harness.sh
. "$(dirname "$0")/harness.sh"

# Class 0 is N(-1, 0.5^2), class 1 N(3, 0.5^2), beside N(10, 2^2).
awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
  BEGIN { srand(1); print "x,y"; for (i = 0; i < 1500; i++)
    printf "%.5f,%.5f\n", (i % 2 ? 3 : -1) + .5 * normal(), 10 + 2 * normal() }' >rows.csv
awk 'BEGIN { for (i = 0; i < 1500; i++) print i % 2 }' >class.csv
tail -n +2 rows.csv | cut -d, -f1 >one.csv
expect 0 "" train rows.csv --labels class.csv -o class.model --net mlp:24x3 --steps 800 --batch 128 --lr 0.005 \
  --ema 0.98 --keep-last -q
expect 0 "" train rows.csv --labels class.csv --label-dropout 0 -o required.model --net mlp:8x2 --steps 20 -q
expect 0 "" train rows.csv -o plain.model --net mlp:24x3 --steps 800 --batch 128 --lr 0.005 --ema 0.98 --keep-last -q
few="--steps 400 --pairs 4000 --ema 0.98 --lr 0.003"

# ---- usage -------------------------------------------------------------------------------------------

expect 0 "Examples:" reflow --help
expect 0 "  reflow " --help
expect 2 "MODEL is missing" reflow
expect 2 "-o NEW is missing" reflow plain.model
expect 2 "goes with --distill" reflow plain.model -o x.model --rounds 0
expect 2 "DATA, which is missing" reflow class.model -o x.model --labels class.csv
expect 2 "--rounds" reflow plain.model -o x.model --rounds 9
expect 2 "is not one of auto" reflow plain.model -o x.model --solver best
expect 1 "No such file" reflow none.model -o x.model
expect 1 "Give the DATA" reflow class.model -o x.model
expect 1 "2 columns as the net has, found 1" reflow class.model one.csv --labels class.csv -o x.model -q
expect 1 "--labels FILE" reflow class.model rows.csv -o x.model -q
expect 1 "can't draw without a condition" reflow required.model rows.csv --labels class.csv -o x.model \
  --label-dropout .1
check "no model of a failure" test ! -e x.model

# ---- straight paths ----------------------------------------------------------------------------------

# shellcheck disable=SC2086
expect 0 "straight  " reflow plain.model -o straight.model $few
cp log said
check "straightness falls below a tenth" \
  awk '$1 == "straight" { found = $2 > 0.1 && $4 < $2 / 10 } END { exit !found }' said
check "the round is announced" grep -q "round 1: straightness" said
check "pairs and steps go by" grep -q "4000/4000 pairs" said
check "steps go by" grep -q "400/400 steps" said
expect 0 "straight    0.0" info straight.model
expect 0 "1200 steps" info straight.model
expect 0 "" plot straight.model --kind loss -o loss.png -q
# shellcheck disable=SC2086
expect 0 "" reflow plain.model -o again.model $few --threads 1 -q
same straight.model again.model

# moments FILE: x has the mean and deviation of both classes together, y those of N(10, 2^2).
expect 0 "" sample straight.model -n 2000 --steps 1 -o new.csv -q
check "columns keep their names" test "$(head -1 new.csv)" = x,y
check "one step gives the data's means and deviations" awk -F, 'NR > 1 { n++; x += $1; xx += $1 ^ 2; y += $2; yy += $2 ^ 2 }
  END { x /= n; y /= n; sx = sqrt(xx / n - x * x); sy = sqrt(yy / n - y * y)
    exit !(n == 2000 && (x - 1) ^ 2 < .04 && (sx - 2.06) ^ 2 < .04 && (y - 10) ^ 2 < .04 && (sy - 2) ^ 2 < .04) }' new.csv

# ---- distillation, with classes ------------------------------------------------------------------------

# shellcheck disable=SC2086
expect 0 "for       2 Euler steps" reflow class.model rows.csv --labels class.csv --rounds 0 --distill 2 -o two.model \
  $few --solver rk4 --solver-steps 8
expect 0 "Euler steps 2" info two.model
expect 0 "" sample two.model -n 1000 --label 1 -o auto.csv -q
expect 0 "" sample two.model -n 1000 --label 1 --steps 2 -o euler.csv -q
same auto.csv euler.csv
expect 0 "was distilled" logp two.model rows.csv --label 1
expect 0 "was distilled" eval two.model rows.csv --labels class.csv -n 20 -o judged.csv
check "what was measured is written" grep -q "^C2ST," judged.csv
expect 0 "was distilled" encode two.model rows.csv --label 1 -o encoded.csv
expect 0 "" sample two.model -n 1000 --label 1 --solver dopri5 -o flow.csv -q
differ auto.csv flow.csv
check "two steps give the class" awk -F, 'NR > 1 { n++; x += $1; xx += $1 ^ 2 }
  END { x /= n; s = sqrt(xx / n - x * x); exit !(n == 1000 && (x - 3) ^ 2 < .01 && s > .4 && s < .6) }' auto.csv
expect 0 "" sample two.model -n 1000 -o any.csv -q
check "without a class both come" awk -F, 'NR > 1 { high += $1 > 1; n++ } END { exit !(high > .4 * n && high < .6 * n) }' any.csv
expect 1 "independent pairs" sample two.model -n 9 -o x.csv --diffusion 1

# A model that can't draw without a condition stays so.
expect 0 "" reflow required.model rows.csv --labels class.csv -o required2.model --steps 5 --pairs 100 -q
expect 0 "required" info required2.model

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
