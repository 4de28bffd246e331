#!/bin/sh
# The flowmatch program from outside: what it reads, writes, says and returns.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/cli_test.sh
#
# Makes its own inputs in a temporary folder. The last line is "N passed, N failed".
set -u

. "$(dirname "$0")/harness.sh"

# A training run that takes no time.
tiny="--net mlp:16x2 --steps 30 --batch 32 --quiet"
# shellcheck disable=SC2086
train() { expect 0 "" train "$@" $tiny; }

# not_same A B: they differ.
not_same() { ! cmp -s "$1" "$2"; }

# npy DICT: the header of a .npy; the data follows.
npy() {
  printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "$1"
}

# ---- help and usage ----------------------------------------------------------------------------------

expect 0 "usage: flowmatch COMMAND" --help
expect 0 "flowmatch 0." --version
for command in train sample info; do
  expect 0 "Examples:" $command --help
  expect 0 "usage: flowmatch $command" help $command
done
expect 2 "no command given"
expect 2 "did you mean 'train'?" trian
expect 2 "DATA is missing" train
expect 2 "-o MODEL is missing" train x.csv
expect 2 "did you mean --steps?" train x.csv -o m --step 3
expect 2 "--steps needs a value" train x.csv -o m --steps
expect 2 "'many' is not a whole number" train x.csv -o m --steps many
expect 2 "0 is less than 1" train x.csv -o m --steps 0
expect 2 "'-5' is not a whole number" train x.csv -o m --seed -5
expect 2 "is outside" train x.csv -o m --held-out 1.5
expect 2 "expected one of condot, cosine" train x.csv -o m --path straight
expect 2 "expected numbers after 'poly:'" train x.csv -o m --path poly:two
expect 2 "poly.power: expected 1 to 64" train x.csv -o m --path poly:0.5
expect 2 "--time: 'late' is not one of uniform" train x.csv -o m --time late
expect 2 "--time: 'mode:1:2:3' is not one of" train x.csv -o m --time mode:1:2:3
expect 2 "--coupling: 'pairs' is not one of independent" train x.csv -o m --coupling pairs
expect 2 "is not one of independent" train x.csv -o m --coupling sinkhorn:much
expect 2 "not one of flow|mean-flow" train x.csv -o m --objective mean
expect 2 "takes its width from --path" train x.csv -o m --coupling bridge
expect 2 "which is missing" train x.csv -o m --condition-weight 3
expect 2 "not like resmlp:256x3" train x.csv -o m --net huge
expect 2 "not like resmlp:256x3" train x.csv -o m --net resmlp:256x3x2
expect 2 "not one of adamw|sgd|nesterov|lion|muon" train x.csv -o m --optimizer adam
expect 2 "not one of cosine|constant|linear|plateau" train x.csv -o m --schedule step
expect 2 "leave --held-out 0 out" train x.csv -o m --schedule plateau --held-out 0
expect 2 "leave --keep-last out" train x.csv -o m --schedule plateau --keep-last
expect 2 "is outside" train x.csv -o m --weight-decay -1
expect 2 "0 is outside" train x.csv -o m --accumulate 0
expect 2 "is outside" train x.csv -o m --dropout 1
expect 2 "needs --checkpoint" train x.csv -o m --resume
expect 2 "what is 'y' for?" info x y
expect 2 "-n N is missing" sample m -o x.csv
expect 2 "end it in .npy, .csv or .png" sample m -n 3 -o x.txt
expect 2 "for fixed ones" sample m -n 3 -o x.csv --steps 3 --rtol 1e-3
expect 2 "for fixed ones" sample m -n 3 -o x.csv --solver tsit5 --grid edm --atol 1e-3
expect 2 "heun2 takes fixed ones" sample m -n 3 -o x.csv --solver heun2 --atol 1e-3
expect 2 "did you mean rk4?" sample m -n 3 -o x.csv --solver rk5
expect 2 "not one of auto, euler, midpoint" sample m -n 3 -o x.csv --solver leapfrog
expect 2 "not one of uniform" sample m -n 3 -o x.csv --grid log
expect 2 "'-3' in 'shifted:-3'" sample m -n 3 -o x.csv --grid shifted:-3
expect 1 "No such file" train missing.csv -o m
expect 1 "No such file" info missing

# ---- .csv --------------------------------------------------------------------------------------------

awk 'BEGIN { srand(1); for (i = 0; i < 300; i++) { t = 6.28318 * rand()
  printf "%.6f,%.6f\n", cos(t) + .05 * rand(), sin(t) + .05 * rand() } }' >ring.csv
{ printf '"x, ""m""",y\n'; cat ring.csv; } >named.csv

train named.csv -o named.model
expect 0 '"m"' info named.model
expect 0 "" sample named.model -n 7 -o out.csv -q
check "the names come back" grep -qx '"x, ""m""",y' out.csv
check "eight lines" test "$(wc -l <out.csv)" -eq 8
expect 0 "" sample named.model -n 5 -o points.png -q
check "a .png" test "$(head -c 4 points.png | tail -c 3)" = PNG
expect 0 "," sample named.model -n 2 -o - -q

# ---- paths, priors, times ------------------------------------------------------------------------------

for path in cosine:0.1 poly:3 vp vp:0.2:15 linear-vp target-ot:0.1 icfm:0.1 bridge:0.5; do
  train ring.csv -o path.model --path $path
  expect 0 "path        ${path%%:*}" info path.model
  expect 0 "," sample path.model -n 3 -o - -q
done
for predict in x1 noise score velocity; do
  train ring.csv -o predict.model --predict $predict
  expect 0 "predicts    $predict" info predict.model
  expect 0 "," sample predict.model -n 3 -o - -q --solver ddim --steps 5
  expect 0 "," sample predict.model -n 3 -o - -q --path cosine
done
train ring.csv -o predict.model --baseline
expect 0 "velocity, beyond the Gaussian's" info predict.model
for diffusion in ddpm ddpm:0.5 refresh:0.2 rate:2; do
  expect 0 "," sample predict.model -n 3 -o - -q --path vp --diffusion $diffusion --steps 9
done
expect 2 "velocity" train ring.csv -o predict.model --baseline --predict noise
expect 1 "gamma = 0" train ring.csv -o predict.model --predict x1 --path bridge
expect 1 "independent pairs" train ring.csv -o predict.model --predict score --coupling ot
expect 1 "sampler_options.path: expected a path with gamma = 0" sample predict.model -n 3 -o - --path icfm
expect 2 "--path: path: expected one of" sample predict.model -n 3 -o - --path nowhere
expect 2 "--solver ddim, not euler" sample predict.model -n 3 -o - --diffusion ddpm --solver euler
expect 2 "not a number above 0" sample predict.model -n 3 -o - --diffusion ddim
expect 1 "a share of at most 1" sample predict.model -n 3 -o - --diffusion ddpm:2
train ring.csv -o time.model --time logit-normal:0.5
train ring.csv -o time.model --time u-shape
expect 1 "time_a: expected -1 to 1.75 for mode" train ring.csv -o time.model --time mode:3
for coupling in ot sinkhorn:0.1 unbalanced:0.1:2 "bridge --path bridge:0.7"; do
  # shellcheck disable=SC2086
  train ring.csv -o coupled.model --coupling $coupling --batch 32
  expect 0 "," sample coupled.model -n 3 -o - -q
done
expect 1 "coupling_relative_regularisation: expected 0" train ring.csv -o coupled.model --coupling ot:0.1

# A model of mean velocities is sampled in one step of them, and by its velocity otherwise.
train ring.csv -o mean.model --objective mean-flow
expect 0 "mean flow" info mean.model
expect 0 "" sample mean.model -n 3 -o one.csv -q
expect 0 "" sample mean.model -n 3 -o again.csv -q --solver mean --steps 1
check "one step by default" cmp -s one.csv again.csv
expect 0 "" sample mean.model -n 3 -o two.csv -q --steps 2
expect 0 "" sample mean.model -n 3 -o again.csv -q --solver mean --steps 2
check "--steps counts its steps" cmp -s two.csv again.csv
check "two steps are not one" not_same one.csv two.csv
expect 0 "" sample mean.model -n 3 -o again.csv -q --rtol 1e-4
check "a tolerance is the velocity's" not_same one.csv again.csv
expect 0 "," sample mean.model -n 3 -o - -q --diffusion 0.5
expect 0 "," encode mean.model ring.csv -o - -q
expect 0 "log-likelihood" logp mean.model ring.csv -q
train ring.csv -o plain.model --objective flow
expect 1 "mean is for models" sample plain.model -n 3 -o - --solver mean
expect 2 "--predict is for --objective flow" train ring.csv -o m --objective mean-flow --predict x1
expect 2 "--baseline is for --objective flow" train ring.csv -o m --objective mean-flow --baseline
expect 1 "mean flow needs a path with gamma = 0" train ring.csv -o m --objective mean-flow --path icfm:0.1
train ring.csv -o prior.model --prior gaussian
train ring.csv -o prior.model --prior uniform
train ring.csv -o prior.model --prior ring.csv --path bridge
expect 0 "," sample prior.model -n 3 -o - -q
printf "1\n2\n6\n" >one.csv
expect 1 "one.csv: it has 1 column, the data 2" train ring.csv -o prior.model --prior one.csv
expect 1 "No such file" train ring.csv -o prior.model --prior missing.npy

# held_out_loss MODEL: as info prints it
held_out_loss() { "$flowmatch" info "$1" | sed -n 's/.* \([0-9.]*\) on rows held out.*/\1/p'; }

# mean_is FILE MEANS: these are the columns' means, as info prints them
mean_is() {
  train "$1" -o m.model --held-out 0
  "$flowmatch" info m.model | awk '/^  column / { found = 1; next } found { printf "%s ", $2 }' >means
  : >log
  if [ "$(cat means)" = "$2 " ]; then pass; else fail "means of $1 are $(cat means), not $2"; fi
}

printf 'a;b\r\n1;10\r\n\r\n 2 ; "20" \r\n3;30' >dos.csv
mean_is dos.csv "2 20"
printf '\357\273\277a\tb\n1\t10\n3\t-30\n' >tabs.csv
mean_is tabs.csv "2 -10"
printf '# saved\n  1.5 10\n2.5   1e1 \n' >blanks.csv
mean_is blanks.csv "2 10"
printf '1\n2\n6\n' >single.csv
mean_is single.csv "3"
LC_ALL=de_DE.UTF-8 mean_is single.csv "3"

# bad TEXT CSV: reading the text fails, and says TEXT
bad() {
  # shellcheck disable=SC2059
  printf "$2" >bad.csv
  expect 1 "$1" train bad.csv -o bad.model
}
bad "bad.csv: line 3, column 2: not a number: 'x'" '1,2\n3,4\n5,x\n'
bad "bad.csv: line 2, column 1: the cell is empty" 'a,b\n,4\n'
bad "line 3 has 1 cell, the lines before have 2" 'a,b\n1,2\n3\n'
bad "line 2, column 2: not a finite number: 'nan'" '1,2\n3,nan\n'
bad "not a finite number: '1e999'" '1,1e999\n'
bad "If the line holds names, quote it" 'a,2020\n1,2\n'
bad "a quote is never closed" 'a,"b\n1,2\n'
bad "Decimals are written with a point" 'a;b\n1,5;2,5\n'
bad "only column names" 'a,b\n'
bad "the file is empty" ''
bad "a zero byte" 'PK\003\004\000\000\n'
check "nothing was written" test ! -e bad.model

# ---- .npy --------------------------------------------------------------------------------------------

# array FILE TYPE SHAPE DATA [FORTRAN]: a .npy; DATA is for printf
array() {
  # shellcheck disable=SC2059
  { npy "{'descr': '$2', 'fortran_order': ${5:-False}, 'shape': $3, }" && printf "$4"; } >"$1"
}
# reads MEANS TYPE SHAPE DATA [FORTRAN]: such an array is read, and its columns have these means
reads() {
  means=$1
  shift
  array array.npy "$@"
  mean_is array.npy "$means"
}
one_to_four='\0\0\0\0\0\0\360\77\0\0\0\0\0\0\0\100\0\0\0\0\0\0\10\100\0\0\0\0\0\0\20\100'
reads "2 3" '<f8' '(2, 2)' "$one_to_four"
reads "1.5 3.5" '<f8' '(2, 2)' "$one_to_four" True
reads "1" '>f4' '(2,)' '\277\200\0\0\100\100\0\0' # -1 and 3
reads "1" '|i1' '(2,)' '\377\3'
reads "1" '>i2' '(2, 1)' '\377\376\0\4' # -2 and 4
reads "-2147483647" '<i4' '(2,)' '\0\0\0\200\2\0\0\200'
reads "2" '<i8' '(2,)' '\377\377\377\377\377\377\377\377\5\0\0\0\0\0\0\0' # -1 and 5
reads "3" '<u8' '(2,)' '\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0'
reads "2147483649" '>u4' '(2,)' '\200\0\0\0\200\0\0\2'
reads "256 65535" '<u2' '(1, 2)' '\0\1\377\377'
reads "0.5" '|b1' '(2,)' '\1\0'
# the first index runs fastest: columns 0 1 2, 6 7 8, 3 4 5 and 9 10 11
reads "1 7 4 10" '|i1' '(3, 2, 2)' '\0\1\2\3\4\5\6\7\10\11\12\13' True
{ # version 2 has a longer length, and keys come in any order
  printf '\223NUMPY\002\000\110\000\000\000'
  printf '%-71s\n' "{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}"
  printf '\1\3'
} >v2.npy
mean_is v2.npy "2"

# refuses TEXT TYPE SHAPE DATA: such an array is not read, and TEXT says why
refuses() {
  text=$1
  shift
  array bad.npy "$@"
  expect 1 "$text" train bad.npy -o bad.model
}
refuses "numbers of type 'c16' can't be read" '<c16' '(2,)' ''
refuses "promises 4 rows of 1 numbers, the file ends after 2" '|u1' '(4,)' '\1\1'
refuses "found 0 rows" '|u1' '(0, 3)' ''
refuses "a single number" '|u1' '()' '\1'
refuses "promises 4294967296 rows" '|u1' '(4294967296, 4294967296, 9)' '\1'
refuses "found nan in row 1, column 0" '<f4' '(2, 1)' '\0\0\200\77\0\0\300\177'
npy "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }" >bad.npy
expect 1 "records" train bad.npy -o bad.model
head -c 60 v2.npy >bad.npy
expect 1 "ends in its header" train bad.npy -o bad.model

# ---- several files, missing values -------------------------------------------------------------------

array one.npy '<f8' '(2, 2)' "$one_to_four"
array two.npy '|i1' '(1, 2)' '\10\11' # 8 and 9
npy "{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }" >pipe.npy
printf '\1\3' >>pipe.npy
# several MEANS FILES: these files are one table with these means
several() {
  means=$1
  shift
  expect 0 "trained" train "$@" -o several.model --net mlp:4x1 --steps 1 --held-out 0
  "$flowmatch" info several.model | awk '/^  column / { found = 1; next } found { printf "%s ", $2 }' >means
  if [ "$(cat means)" = "$means " ]; then pass; else fail "means of $* are $(cat means), not $means"; fi
}
several "4 5" one.npy two.npy
printf 'a,b\n1,10\n' >first.csv
printf 'a,b\n3,30\n8,50\n' >second.csv
several "4 30" first.csv second.csv
several "1.666666667 5.333333333" first.csv one.npy
expect 1 "column" train one.npy single.csv -o bad.model
expect 1 "expected rows of 2 numbers as in the first file, found 1" train one.npy pipe.npy -o bad.model
"$flowmatch" train - -o several.model --net mlp:4x1 --steps 1 -q <pipe.npy
expect 0 "2" info several.model

# Every third value of the second column is missing.
awk 'BEGIN { print "x,y"; for (i = 0; i < 300; i++) print i % 10 "," (i % 3 ? i % 7 : "") }' >holes.csv
expect 1 "line 2, column 2: the cell is empty" train holes.csv -o bad.model
expect 0 "2 columns (1 with missing values)" train holes.csv --missing mask -o holes.model --net mlp:32x3 --steps 300
expect 0 "" sample holes.model -n 300 -o out.csv -q
missing=$(grep -c ',nan$' out.csv)
check "a third of the second column is drawn as missing, not $missing of 300" \
  test "$missing" -gt 60 -a "$missing" -lt 140
check "and none of the first" test "$(grep -c '^nan' out.csv)" = 0
expect 0 "missing in 33.7 %" info holes.model

# ---- pictures, labels, conditions --------------------------------------------------------------------

# 60 pictures of 4 x 4, with a bright column that says the class
{ npy "{'descr': '|u1', 'fortran_order': False, 'shape': (60, 4, 4), }"
  i=0
  while [ $i -lt 20 ]; do
    printf '\377\0\0\0\377\0\0\0\377\0\0\0\377\0\0\0'
    printf '\0\377\0\0\0\377\0\0\0\377\0\0\0\377\0\0'
    printf '\0\0\377\0\0\0\377\0\0\0\377\0\0\0\377\0'
    i=$((i + 1))
  done; } >pictures.npy
awk 'BEGIN { print "class"; for (i = 0; i < 60; i++) print i % 3 }' >classes.csv
awk 'BEGIN { for (i = 0; i < 60; i++) print i % 3 "," i % 2 }' >two.csv
awk 'BEGIN { for (i = 0; i < 60; i++) print i / 10 }' >cond.csv

train pictures.npy --labels classes.csv -o pictures.model
expect 0 "4x4" info pictures.model
expect 0 "3" info pictures.model
expect 0 "" sample pictures.model -n 9 --label each -o out.png -q
expect 0 "" sample pictures.model -n 9 --label 2 -o out.npy -q
check "the shape and type of the data" grep -aq "'<f4', 'fortran_order': False, 'shape': (9, 4, 4)" out.npy
check "and their size" test "$(wc -c <out.npy)" -eq $((128 + 9 * 16 * 4))
expect 0 "" sample pictures.model -n 2 -o out.png --image 2x8 -q
expect 1 "does not fit the 16 columns" sample pictures.model -n 2 -o out.png --image 3x3 -q
expect 1 "it has classes 0 .. 2" sample pictures.model -n 2 --label 3 -o out.csv
expect 1 "1 class column" sample pictures.model -n 2 --label 1,2 -o out.csv
expect 1 "without conditions" sample pictures.model -n 2 --cond 1 -o out.csv
expect 1 "without labels" sample named.model -n 2 --label 1 -o out.csv

train pictures.npy --labels two.csv --cond cond.csv --label-dropout 0 -o both.model
expect 0 "required" info both.model
expect 0 "" sample both.model -n 6 --label each,1 --cond 2.5 -o out.csv -q
expect 1 "can't draw without a class" sample both.model -n 6 --cond 2.5 -o out.csv -q
expect 1 "can't draw without a condition" sample both.model -n 6 --label 1,1 -o out.csv -q
expect 1 "conditions have 1 number, not 2" sample both.model -n 6 --label 1,1 --cond 1,2 -o out.csv -q
printf '1\n2\n3\n4\n5\n6\n' >six.csv
expect 0 "" sample both.model -n 6 --label 0,0 --cond six.csv -o out.csv -q
expect 1 "6 rows where 5 were expected" sample both.model -n 5 --label 0,0 --cond six.csv -o out.csv -q

printf '0\n1\n' >short.csv
expect 1 "2 rows where 60 were expected" train pictures.npy --labels short.csv -o m
awk 'BEGIN { for (i = 0; i < 60; i++) print i == 7 ? 1.5 : 1 }' >half.csv
expect 1 "row 7, column 0 (counted from 0) is 1.5" train pictures.npy --labels half.csv -o m
awk 'BEGIN { for (i = 0; i < 60; i++) print 2000 + i % 20 }' >years.csv
expect 1 "only 20 different ones" train pictures.npy --labels years.csv -o m
awk 'BEGIN { for (i = 0; i < 60; i++) printf "%d\n", 1700000000 + i }' >clock.csv
expect 1 "single precision blurs" train pictures.npy --cond clock.csv -o m

# wide tables draw no picture
awk 'BEGIN { for (i = 0; i < 20; i++) print i "," i * i ",5" }' >three.csv
train three.csv -o three.model
expect 1 "made of 2 columns or of pictures" sample three.model -n 2 -o out.png -q
expect 0 "constant" info three.model
expect 0 "" sample three.model -n 4 -o out.csv -q
check "a constant column stays exact" test "$(cut -d, -f3 out.csv | sort -u)" = 5

# ---- same bits ---------------------------------------------------------------------------------------

expect 0 "" sample named.model -n 10 -o a.csv -q --threads 1
expect 0 "" sample named.model -n 10 -o b.csv -q --threads 2
same a.csv b.csv
expect 0 "" sample named.model -n 4 --first-row 6 -o b.csv -q
{ head -1 a.csv; tail -4 a.csv; } >tail.csv
same b.csv tail.csv
expect 0 "" sample named.model -n 10 --seed 1 -o b.csv -q
differ a.csv b.csv
expect 0 "" sample named.model -n 10 --rtol 1e-6 --atol 1e-6 -o b.csv -q
differ a.csv b.csv
expect 0 "" sample named.model -n 10 --steps 20 -o b.csv -q
expect 0 "" sample named.model -n 10 --solver euler -o c.csv -q
same b.csv c.csv
differ a.csv b.csv
expect 0 "" sample named.model -n 10 --grid uniform -o c.csv -q
same b.csv c.csv
for grid in shifted shifted:2 edm; do
  expect 0 "" sample named.model -n 10 --grid $grid -o c.csv -q
  differ b.csv c.csv
done
# Every solver that the help lists draws what the others draw, nearly: chosen steps, fine ones, and a grid's.
expect 0 "" sample named.model -n 10 --rtol 1e-6 --atol 1e-6 -o exact.csv -q
near() {
  check "$1 is near" awk -F, 'NR == FNR { a[NR] = $1; b[NR] = $2; next }
    FNR > 1 { if (($1 - a[FNR]) ^ 2 + ($2 - b[FNR]) ^ 2 > .02 ^ 2) bad++; n++ }
    END { exit n != 10 || bad > 0 }' exact.csv c.csv
}
solvers=$("$flowmatch" sample --help | sed -n '/^Solvers/,/^$/s/^  \([a-z0-9_]*\) .*order.*/\1/p')
check "the help lists solvers" test "$(echo "$solvers" | wc -l)" -ge 9
for solver in $(echo "$solvers" | grep -vx mean); do # which named.model has none of
  expect 0 "" sample named.model -n 10 --solver "$solver" --steps 200 -o c.csv -q
  near "$solver"
  expect 0 "" sample named.model -n 10 --solver "$solver" --steps 200 --grid shifted:2 -o c.csv -q
  near "$solver on a grid"
done
train named.csv -o one.model --threads 1
train named.csv -o two.model --threads 2
same one.model two.model

# ---- far from 0, and scales apart --------------------------------------------------------------------

awk 'BEGIN { srand(2); for (i = 0; i < 400; i++)
  printf "%.3f,%.6e,%.6e\n", 1.7e9 + rand(), 1e-8 * rand(), 1e8 * rand() }' >apart.csv
train apart.csv -o apart.model
expect 0 "" sample apart.model -n 400 -o out.csv -q
check "units are kept" awk -F, '{ n++; if ($1 != 1.7e9 + 0) d++; a += $1 - 1.7e9; b += $2; c += $3 }
  END { a /= n; b /= n; c /= n; print a, b, c
        exit !(d > 300 && a > .2 && a < .8 && b > 2e-9 && b < 8e-9 && c > 2e7 && c < 8e7) }' out.csv

# ---- optimisers --------------------------------------------------------------------------------------

# Each rule, schedule and number makes a model of its own; defaults are defaults.
train ring.csv -o adamw.model
train ring.csv -o same.model --optimizer adamw --schedule cosine --weight-decay 0 --clip 1 --warmup 3 --accumulate 1
same adamw.model same.model
for rule in sgd nesterov lion muon; do
  train ring.csv -o $rule.model --optimizer $rule
  for other in adamw sgd nesterov lion; do
    [ $rule = $other ] || differ $rule.model $other.model
  done
done
train ring.csv -o m.model --optimizer lion --lr 1e-4
same m.model lion.model
for options in "--schedule constant" "--schedule linear" "--weight-decay 0.1" "--clip 0.01" "--clip 0" "--warmup 0" \
  "--warmup 10" "--accumulate 3" "--schedule plateau"; do
  # shellcheck disable=SC2086
  train ring.csv -o m.model $options
  differ m.model adamw.model
done
printf '1,2\n3,4\n5,6\n' >three.csv
# shellcheck disable=SC2086
expect 0 "none are held out" train three.csv -o m.model --schedule plateau $tiny

# ---- checkpoints -------------------------------------------------------------------------------------

# A few rows of noise are soon known by heart: the best weights come early, and training ends.
awk 'BEGIN { srand(3); for (i = 0; i < 150; i++) print rand() "," rand() "," rand() "," rand() }' >noise.csv
heart="--net mlp:96x3 --batch 64 --steps 900 --lr 0.01 --ema 0.98 --held-out 0.8"
# shellcheck disable=SC2086
expect 0 "the best on rows held out" train noise.csv -o early.model $heart --patience 100
# shellcheck disable=SC2086
expect 0 "trained   900 steps" train noise.csv -o late.model $heart --keep-last
if [ "$(held_out_loss early.model)" \< "$(held_out_loss late.model)" ]; then pass; else
  fail "the loss on rows held out is $(held_out_loss early.model) where training stopped early and" \
    "$(held_out_loss late.model) where it did not"
fi

slow="--net resmlp:64x2 --batch 64 --steps 1000"
# shellcheck disable=SC2086
expect 0 "held out" train ring.csv -o whole.model $slow
# shellcheck disable=SC2086
"$flowmatch" train ring.csv -o parts.model $slow --checkpoint run.checkpoint --checkpoint-every 0.05 \
  >interrupted 2>&1 &
pid=$!
tries=0
while [ ! -s run.checkpoint ] && [ $tries -lt 100 ]; do sleep .05; tries=$((tries + 1)); done
kill -INT $pid 2>/dev/null
wait $pid
got=$?
if [ $got -eq 130 ]; then pass; else fail "exit code $got after Ctrl-C"; fi
check "it says how to go on" grep -q -e "--resume" interrupted
check "there is no model yet" test ! -e parts.model
# shellcheck disable=SC2086
expect 0 "wrote" train ring.csv -o parts.model $slow --checkpoint run.checkpoint --resume
same whole.model parts.model
expect 1 "run.checkpoint: " train ring.csv -o m --net resmlp:32x2 --checkpoint run.checkpoint --resume
expect 1 "not models" sample run.checkpoint -n 1 -o out.csv
# shellcheck disable=SC2086
expect 0 "kept as run.checkpoint~" train ring.csv -o m --net mlp:16x2 --steps 5 --checkpoint run.checkpoint
check "the earlier one is there" test -s run.checkpoint~
expect 0 "starting from the beginning" train ring.csv -o m --net mlp:16x2 --steps 5 --checkpoint new --resume
expect 0 "wrote" train ring.csv -o dropped --net mlp:16x2 --steps 5 --dropout .3 --checkpoint dropped.checkpoint
differ m dropped
expect 1 "net.dropout" train ring.csv -o m --net mlp:16x2 --steps 5 --checkpoint dropped.checkpoint --resume
expect 0 "loss.png" train ring.csv -o m --net mlp:16x2 --steps 50 --loss-curve loss.png
check "a loss curve" test -s loss.png

# ---- failing to write --------------------------------------------------------------------------------

expect 1 "No such file or directory" train ring.csv -o nowhere/m
expect 1 "this is a folder" train ring.csv -o .
if [ -w /dev/full ]; then
  expect 1 "No space left" sample named.model -n 100 -o /dev/full --format csv
  expect 1 "No space left" sample named.model -n 100 -o /dev/full --format png
fi
head -c 1000 named.model >cut.model
expect 1 "cut.model" info cut.model
check "no temporaries are left" test -z "$(find . -name '*.part' -o -name '*.tmp*')"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
