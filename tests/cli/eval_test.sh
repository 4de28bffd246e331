#!/bin/sh
# flowmatch eval from outside: a model that is right stands at the noise floor, one that is wrong far from it; what
# is written, and what is said to who goes wrong.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/eval_test.sh
#
# The last line is "N passed, N failed".
set -u
# shellcheck source=tests/cli/harness.sh
. "$(dirname "$0")/harness.sh"

# Class 0 is N(-1, 0.5^2), class 1 N(3, 0.5^2), beside N(10, 2^2); sorted by class, with the classes beside.
awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
  BEGIN { srand(1); for (i = 0; i < 4000; i++)
    printf "%.5f,%.5f,%d\n", (i % 2 ? 3 : -1) + .5 * normal(), 10 + 2 * normal(), i % 2 }' >all.csv
head -2000 all.csv | cut -d, -f1,2 >two.csv
head -2000 all.csv | cut -d, -f3 >class.csv
tail -1000 all.csv | sort -t, -k3n >sorted.csv
cut -d, -f1,2 sorted.csv >fresh.csv
cut -d, -f3 sorted.csv >fresh_class.csv
awk -F, 'BEGIN { OFS = "," } { $1 = NR % 7 == 0 ? "" : $1; print }' two.csv >holes.csv
awk -F, '{ print $1 + 4 "," $2 }' fresh.csv >far.csv
cut -d, -f1 fresh.csv >one.csv
head -19 fresh.csv >few.csv
expect 0 "" train two.csv --labels class.csv -o class.model --net mlp:32x3 --steps 1200 --batch 128 --lr 0.005 \
  --ema 0.98 --keep-last -q
expect 0 "" train two.csv -o plain.model --net mlp:16x2 --steps 20 -q
expect 0 "" train holes.csv --missing mask -o holes.model --net mlp:16x2 --steps 20 -q

# ---- usage -------------------------------------------------------------------------------------------

expect 0 "Examples:" eval --help
expect 0 "  eval " --help
expect 2 "MODEL is missing" eval
expect 2 "DATA is missing after the model" eval m
expect 2 "what is 'z' for?" eval m y z
expect 2 "end it in .csv" eval m y -o x.npy
expect 2 "one of them" eval m y --label 1 --labels class.csv
expect 2 "not one of normalised|data" eval m y --units metres
expect 1 "No such file" eval m y
expect 1 "it has 1 column, expected were 2" eval plain.model one.csv
expect 1 "20 are the least" eval plain.model few.csv
expect 1 "--neighbours 25 needs more rows" eval plain.model fresh.csv -n 20 --neighbours 25
expect 1 "expected were 1000 of 1" eval class.model fresh.csv --labels class.csv
expect 1 "missing values" eval holes.model two.csv

# ---- numbers -----------------------------------------------------------------------------------------

# number METRIC COLUMN FILE: 2 the value, 3 and 4 the floor's mean and deviation, 5 and 6 rows.
number() { awk -F, -v metric="$1" -v column="$2" '$1 == metric { print $column }' "$3"; }
# holds WHAT CONDITION: of awk, in numbers.
holds() { check "$1: $2" awk "BEGIN { exit !($2) }"; }

# A right model, its classes by row although DATA is sorted: within five deviations of the floor.
expect 0 "held-out rows" eval class.model fresh.csv --labels fresh_class.csv --steps 20 --solver midpoint \
  -o right.csv -q --floor 6 --exact-rows 300
check "a line for every metric and for the flow" awk -F, 'NF != 6 { exit 1 } END { exit NR != 14 }' right.csv
for metric in W2 W1 "sliced W2" "energy distance" "MMD^2" precision recall density coverage C2ST; do
  holds "$metric of a right model" "($(number "$metric" 2 right.csv) - $(number "$metric" 3 right.csv)) ^ 2 < \
    36 * $(number "$metric" 4 right.csv) ^ 2 + .0004"
done
holds "the likelihood" "($(number "-log p" 2 right.csv) - 2.838) ^ 2 < .15 ^ 2 && $(number "-log p" 5 right.csv) == 500"
holds "rows" "$(number W2 5 right.csv) == 300 && $(number C2ST 5 right.csv) == 500 && $(number C2ST 6 right.csv) == 500"

# Without its classes a sorted table is compared with draws of any class, which is the same distribution; and with
# the other class it is another one.
expect 0 "drawn without conditions" eval class.model fresh.csv --steps 20 --floor 0 --exact-rows 50
expect 0 "held-out rows" eval class.model fresh.csv --label 0 --steps 20 -o one_class.csv -q --floor 2 --exact-rows 50
holds "half of the truth is missing" "$(number recall 2 one_class.csv) < .7 && $(number precision 2 one_class.csv) > .8"
holds "half of the truth is missing" "$(number 'energy distance' 2 one_class.csv) > .1"

# A model that has hardly begun, and data that is elsewhere.
expect 0 "NPE" eval plain.model far.csv --steps 20 -o wrong.csv -q --floor 2 --exact-rows 100 --seed 3
check "the path energy too, without conditions" awk -F, '$1 == "NPE" { npe = $2 } END { exit NR != 15 || !(npe > 0) }' wrong.csv
holds "a wrong model" "$(number C2ST 2 wrong.csv) > .8 && $(number coverage 2 wrong.csv) < .7"
holds "a wrong model" "$(number W2 2 wrong.csv) > $(number W2 3 wrong.csv) + 5 * $(number W2 4 wrong.csv)"

# Units: the first column's deviation is 2.06, the second's 2; so distances are about twice as long.
expect 0 "NPE" eval plain.model far.csv --steps 20 -o units.csv -q --floor 0 --exact-rows 100 --seed 3 --units data
ratio="$(number W1 2 units.csv) / $(number W1 2 wrong.csv)"
holds "data's units" "$ratio > 1.9 && $ratio < 2.2"
holds "shares don't depend on units" \
  "($(number NPE 2 units.csv) - $(number NPE 2 wrong.csv)) ^ 2 < .01 * $(number NPE 2 wrong.csv) ^ 2"
check "no floor was asked for" awk -F, 'NR > 1 && ($3 $4 $6) != "" { exit 1 }' units.csv

# The same for any threads, another for another seed; more rows than there are.
expect 0 "NPE" eval plain.model far.csv --steps 20 -o again.csv -q --floor 2 --exact-rows 100 --seed 3 --threads 1
same wrong.csv again.csv
expect 0 "NPE" eval plain.model far.csv --steps 20 -o other.csv -q --floor 2 --exact-rows 100 --seed 4 --threads 1
differ wrong.csv other.csv
head -60 far.csv >short.csv
expect 0 "has 60 rows" eval plain.model short.csv --steps 20 -n 100 --floor 1
expect 0 "(floor: 30)" eval plain.model short.csv --steps 20 -n 60 --floor 1
"$flowmatch" eval plain.model short.csv --steps 20 --floor 2 -o - -q >standard.csv 2>log
check "the table goes to standard output" awk -F, 'NR == 1 && $1 != "metric" { exit 1 } END { exit NR != 15 }' standard.csv

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
