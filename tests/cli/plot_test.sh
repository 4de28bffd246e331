#!/bin/sh
# flowmatch plot and flowmatch encode from outside: the pictures they write, rows there and back again, and
# what they say where something is wrong.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/plot_test.sh
#
# Makes its own inputs in a temporary folder. The last line is "N passed, N failed".
set -u

. "$(dirname "$0")/harness.sh"

# is_png FILE WIDTH HEIGHT [SLACK]: signature, size within SLACK pixels, and last chunk.
is_png() {
  found=$(head -c 24 "$1" | od -An -v -tu1 | tr '\n' ' ' | awk '
    { ok = $1 == 137 && $2 == 80 && $3 == 78 && $4 == 71 && $13 == 73 && $14 == 72
      print ok ? ($19 * 256 + $20) " " ($23 * 256 + $24) : "no .png" }')
  end=$(tail -c 8 "$1" | head -c 4)
  : >log
  if [ "$end" = IEND ] && echo "$found" | awk -v w="$2" -v h="$3" -v slack="${4:-0}" '
    { exit !(NF == 2 && ($1 - w) ^ 2 <= slack ^ 2 && ($2 - h) ^ 2 <= slack ^ 2) }'; then pass
  else fail "$1 is '$found' and ends in '$end', expected were $2 by $3"; fi
}

# Two clusters, moderately trained: what flows and where to is known.
awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
  BEGIN { srand(1); print "left right,height"; for (i = 0; i < 600; i++)
    printf "%.5f,%.5f\n", (i % 2 ? 3 : -1) + .3 * normal(), 10 + 2 * normal() }' >two.csv
awk 'BEGIN { for (i = 0; i < 600; i++) print i % 2 }' >class.csv
expect 0 "" train two.csv -o two.model --net mlp:48x3 --steps 2000 --batch 128 --lr 0.005 --ema 0.98 \
  --keep-last -q
expect 0 "" train two.csv --labels class.csv --label-dropout 0 -o class.model --net mlp:16x2 --steps 60 -q
cut -d, -f2 two.csv >one.csv
expect 0 "" train one.csv -o one.model --net mlp:16x2 --steps 40 --held-out 0 -q

# ---- help and usage ----------------------------------------------------------------------------------

for command in plot encode; do
  expect 0 "Examples:" $command --help
  expect 0 "usage: flowmatch $command" help $command
done
expect 0 "  plot " --help
expect 0 "and so the default" plot --help
expect 2 "MODEL is missing" plot
expect 2 "-o FILE.png is missing" plot m
expect 2 "not one of flow|density|loss" plot m -o x.png --kind heat
expect 2 "1 is outside" plot m -o x.png -n 1
expect 2 "don't go with it" plot m -o x.png --kind loss --data two.csv
expect 2 "did you mean rk4?" plot m -o x.png --solver rk5
expect 1 "No such file" plot m -o x.png
expect 1 "Create the folder" plot two.model -o nowhere/x.png
expect 1 "'2' is not a column; they are numbered 0 .. 1" plot two.model -o x.png --columns 0,2
expect 1 "'heigth' is not a column" plot two.model -o x.png --columns 0,heigth
expect 1 "'1' is not two columns" plot two.model -o x.png --columns 1
expect 1 "the same column twice" plot two.model -o x.png --columns 1,height
expect 1 "it has 1 column, the model 2" plot two.model -o x.png --data one.csv
expect 1 "--kind flow" plot one.model -o x.png --kind density
expect 1 "trained without labels" plot two.model -o x.png --label 1
expect 1 "can't draw without a class" plot class.model -o x.png
check "no picture was written" test ! -e x.png

expect 2 "MODEL is missing" encode
expect 2 "DATA is missing after the model" encode m
expect 2 "what is 'z' for?" encode m y z -o x.csv
expect 2 "-o OUT is missing" encode m two.csv
expect 2 "end it in .npy or .csv" encode m two.csv -o x.png
expect 2 "one of them" encode m two.csv -o x.csv --label 1 --labels class.csv
expect 1 "it has 1 column, expected were 2" encode two.model one.csv -o x.csv
expect 1 "takes what encode wrote" encode two.model one.csv -o x.csv --decode
expect 1 "trained without labels" encode two.model two.csv -o x.csv --labels class.csv
expect 1 "can't draw without a class" encode class.model two.csv -o x.csv
expect 1 "expected were 600 of 1" encode class.model two.csv -o x.csv --labels two.csv
awk 'BEGIN { for (i = 0; i < 600; i++) print i == 7 ? 2 : 0 }' >wrong.csv
expect 1 "row 7, column 0 (counted from 0) is 2; the classes are 0 .. 1" \
  encode class.model two.csv -o x.csv --labels wrong.csv
printf '0,10\n1e300,10\n1,9\n0,-1e300\n' >far.csv
expect 1 "2 of 4 rows did not arrive, nothing is written: rows 1, 3" encode two.model far.csv -o x.csv
expect 1 "rows 1, 3" encode two.model far.csv -o x.csv --rtol 1e-3
check "no rows were written" test ! -e x.csv

# ---- pictures ----------------------------------------------------------------------------------------

expect 0 "" plot two.model -o flow.png -q --columns 0,height
expect 0 "" plot two.model -o default.png -q
same flow.png default.png
is_png flow.png 892 760
expect 0 "" plot two.model -o again.png -q --threads 1 --seed 0
same flow.png again.png
expect 0 "" plot two.model -o other.png -q --seed 1
differ flow.png other.png
expect 0 "" plot two.model -o other.png -q --columns 1,0
differ flow.png other.png
expect 0 "" plot two.model -o other.png -q --data two.csv
differ flow.png other.png
expect 0 "" plot two.model -o other.png -q --steps 3
differ flow.png other.png
expect 0 "" plot two.model -o density.png -q --kind density -n 500
is_png density.png 1265 314 115 # five panels; numbers and ranges decide the rest
expect 0 "" plot two.model -o compared.png -q --kind density -n 500 --data two.csv
is_png compared.png 1503 314 115
expect 0 "" plot class.model -o class.png -q --label each
expect 0 "" plot one.model -o one.png -q --data one.csv
is_png one.png 892 760
check "standard output" sh -c "'$flowmatch' plot two.model -o - -q >piped.png"
same flow.png piped.png

expect 0 "" plot two.model -o loss.png --kind loss
is_png loss.png 960 560
awk 'BEGIN { for (i = 0; i < 20; i++) print "1,1" }' >constant.csv
expect 0 "" train constant.csv -o constant.model --net mlp:8x2 --steps 1 -q
expect 0 "" plot constant.model -o constant.png -q
expect 0 "" plot constant.model -o constant.png --kind density -n 2 -q
expect 0 "" plot constant.model -o constant.png --kind loss

# The note says what was measured, in a text that fits.
curve() { head -c 20000 "$1" | tr '\0' '\n' | sed -n 's/.*"note.loss_curve":"\([^"]*\)".*/\1/p'; }
check "the loss falls, evenly spaced, to the end" awk -v curve="$(curve two.model)" 'BEGIN {
  n = split(curve, w, " "); every = w[2]; last = w[4] + (n - 6) * every; print curve
  exit !(w[1] == "every" && w[3] == "from" && w[5] == "loss" && w[4] == every && n >= 85 &&
         length(curve) < 4096 && w[n] < .9 * w[6] && last <= 2000 && last > 2000 - every) }'
check "losses of rows held out, the last step among them" awk -v curve="$(curve class.model)" 'BEGIN {
  n = split(curve, w, " "); for (i = 6; i <= n && w[i] != "held_out"; i++) continue; print curve
  exit !(i == 66 && (n - i) % 2 == 0 && w[i + 1] == 2 && w[n - 1] == 60 && w[n] < w[i + 2]) }'

# ---- rows there and back again -----------------------------------------------------------------------

expect 0 "" encode two.model two.csv -o latent.csv -q
check "the names come too" test "$(head -1 latent.csv)" = '"left right",height'
check "the source is standard normal" awk -F, 'NR > 1 { n++; a += $1; b += $2; aa += $1 * $1; bb += $2 * $2
    ab += $1 * $2; if ($1 > -.6745 && $1 < .6745) middle++ }
  END { print a / n, b / n, aa / n, bb / n, ab / n, middle / n
        exit !(n == 600 && (a / n) ^ 2 < .15 ^ 2 && (b / n) ^ 2 < .15 ^ 2 && aa / n > .75 && aa / n < 1.25 &&
               bb / n > .75 && bb / n < 1.25 && (ab / n) ^ 2 < .15 ^ 2 &&
               middle / n > .4 && middle / n < .6) }' latent.csv # two clusters have a tenth there

# back FILE LEAST: its rows are those of two.csv, but for LEAST
back() {
  check "$1 is two.csv within $2" awk -F, -v most="$2" 'NR == FNR { a[NR] = $1; b[NR] = $2; next }
    FNR > 1 { n++; d = ($1 - a[FNR]) ^ 2 + ($2 - b[FNR]) ^ 2; if (d > worst) worst = d }
    END { print sqrt(worst); exit !(n == 600 && sqrt(worst) < most) }' two.csv "$1"
}
expect 0 "" encode two.model latent.csv --decode -o back.csv -q
back back.csv 0.01
expect 0 "" encode two.model two.csv -o latent.npy -q --rtol 1e-6 --atol 1e-6
check "an array" grep -aq "'<f8', 'fortran_order': False, 'shape': (600, 2)" latent.npy
expect 0 "" encode two.model latent.npy --decode -o back.csv -q --rtol 1e-6 --atol 1e-6
back back.csv 0.05
expect 0 "" encode two.model two.csv -o threads.csv -q --threads 1
same latent.csv threads.csv
expect 0 "" encode two.model two.csv -o units.csv -q --units data
check "in the data's units the source has their mean and deviation" awk -F, '
  NR > 1 { n++; a += $2; aa += $2 * $2 }
  END { print a / n, sqrt(aa / n - (a / n) ^ 2)
        exit !(a / n > 9.5 && a / n < 10.5 && aa / n - (a / n) ^ 2 > 2.5) }' units.csv
expect 0 "" encode two.model units.csv --decode -o back.csv -q --units data
back back.csv 0.01
# With the label that it was trained with a row comes back, with another one another row.
expect 0 "" encode class.model two.csv --labels class.csv -o latent.csv -q
expect 0 "" encode class.model latent.csv --decode --labels class.csv -o back.csv -q
back back.csv 0.01
expect 0 "" encode class.model latent.csv --decode --label 0 -o other.csv -q
differ back.csv other.csv

# A value that the model holds constant is lost, and that is said; missing values go there and back.
awk 'BEGIN { srand(2); for (i = 0; i < 60; i++) print rand() ",5" }' >flat.csv
expect 0 "" train flat.csv -o flat.model --net mlp:16x2 --steps 30 -q
sed 's/,5$/,6/' flat.csv >bent.csv
expect 0 "row 0 has 6 in column 1, which is always 5" encode flat.model bent.csv -o latent.csv
expect 0 "" encode flat.model latent.csv --decode -o back.csv -q
check "it comes back constant" test "$(cut -d, -f2 back.csv | sort -u)" = 5
awk 'BEGIN { srand(3); for (i = 0; i < 90; i++) print (i % 3 ? rand() : "") "," rand() }' >holes.csv
expect 0 "" train holes.csv --missing mask -o holes.model --net mlp:16x2 --steps 30 -q
expect 0 "" encode holes.model holes.csv -o latent.csv -q
check "a column says what is missing" test "$(head -1 latent.csv | tr -cd , | wc -c)" -eq 2
expect 0 "" encode holes.model latent.csv --decode -o back.csv -q
check "what was missing is missing" test "$(grep -c '^nan,' back.csv)" -eq 30
printf '1,\n' >hole.csv
expect 1 "row 0, column 1 (counted from 0) has none" encode holes.model hole.csv -o x.csv

# A source of rows is in the data's units: these move, and come back.
awk 'BEGIN { srand(4); for (i = 0; i < 200; i++) print 20 + rand() "," 30 + rand() }' >from.csv
expect 0 "" train two.csv --prior from.csv -o moved.model --net mlp:32x3 --steps 400 --ema 0.98 -q
expect 0 "" plot moved.model -o moved.png -q --kind density -n 200
expect 0 "" encode moved.model two.csv -o latent.csv -q
check "rows of data become rows of the source" awk -F, 'NR > 1 { n++; a += $1; b += $2 }
  END { print a / n, b / n; exit !(a / n > 19 && a / n < 22 && b / n > 28 && b / n < 33) }' latent.csv

# ---- failing to write --------------------------------------------------------------------------------

if [ -w /dev/full ]; then
  expect 1 "No space left" plot two.model -o /dev/full -n 2
  expect 1 "No space left" encode two.model two.csv -o /dev/full --format csv
fi
check "no temporaries are left" test -z "$(find . -name '*.part' -o -name '*.tmp*')"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
