#!/bin/sh
# The flowmatch program from outside: files of options, rows held out in a file of their own, the completions of
# shells and the manual.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/config_test.sh
#
# Makes its own inputs in a temporary folder. The last line is "N passed, N failed".
set -u

. "$(dirname "$0")/harness.sh"

awk 'BEGIN { srand(1); for (i = 0; i < 300; i++) { t = 6.28318 * rand()
  printf "%.6f,%.6f\n", cos(t) + .05 * rand(), sin(t) + .05 * rand() } }' >ring.csv
head -200 ring.csv >first.csv
tail -100 ring.csv >last.csv

# ---- files of options --------------------------------------------------------------------------------

# prints LINE FILE-TEXT ARGUMENTS...: with this file of options, --print-config of train prints the line.
prints() {
  line=$1
  printf '%s\n' "$2" >options
  shift 2
  "$flowmatch" train --config options --print-config "$@" >log 2>&1
  if grep -qxF -e "$line" log; then pass; else fail "no line '$line': $*"; fi
}
prints 'steps = 7' 'steps = 7'
prints 'steps = 7' '  steps=7   # seven'
prints 'label-dropout = 0.25' 'label_dropout = 0.25'
prints 'optimizer = lion' 'optimizer = "lion" # a word'
prints 'resume = true' 'resume = true'
prints 'resume = false' 'resume = true' --resume=false
prints 'steps = 9' 'steps = 7' --steps 9
prints 'steps = 8' 'steps = 7
steps = 8'
prints 'steps = 8' '[train]
steps = 8
[sample]
steps = 7
rows = x'
prints 'steps = 8' 'steps = 7
rows = 3
[train]  # ours
steps = 8'
prints 'labels = "a#b.csv"' 'labels = a#b.csv'
prints 'labels = "a b#c.csv"' "labels = 'a b#c.csv'"
prints 'labels = "a b.csv"' 'labels = a b.csv   # with a blank'
prints 'labels = "\"a\\ b"' 'labels = "\"a\\ b"'
prints 'data = a.npy b.npy' 'data = a.npy b.npy # and no more'
prints 'data = "a b.npy" c.npy' 'data = "a b.npy" c.npy'
prints 'data = c.npy d.npy' 'data = a.npy b.npy' c.npy d.npy
prints 'output = m' "$(printf '\357\273\277output = m\r')"
prints 'steps = 4000' ''
prints '# warmup = STEPS' ''

# refuses TEXT FILE-TEXT: the file is refused, and TEXT says why.
refuses() {
  printf '%s\n' "$2" >options
  expect 2 "$1" train --config options ring.csv -o m
}
refuses "options: line 2: train has no option 'stesp'; did you mean 'steps'?" '
stesp = 3'
refuses "options: line 2: train has no option 'rows'" '[train]
rows = 3'
refuses "options: line 1: train has no option 'weather'" 'weather = 3'
refuses "line 1: train has no option 'config'" 'config = other'
refuses "options: line 1: steps: 'many' is not a whole number" 'steps = many'
refuses "options: line 1: steps: 0 is less than 1" 'steps = 0'
refuses "options: line 1: lr: 'fast' is not a number" 'lr = fast'
refuses "options: line 1: ema: 2 is outside 0 .. 0.9999999" 'ema = 2'
refuses "options: line 1: resume: 'yes' is not true or false" 'resume = yes'
refuses "options: line 1: missing: 'maske' is not one of error|mask" 'missing = maske'
refuses "options: line 1: labels: the value is empty" 'labels = # none'
refuses "options: line 1: the value is empty" 'data ='
refuses "options: line 1: the value's quote is not closed" 'labels = "a'
refuses "options: line 1: the value's quote is not closed" "data = a 'b"
refuses "a value in quotes, then 'b'; expected one value" 'labels = "a" b'
refuses "options: line 1: expected a line like: steps = 500" 'steps 500'
refuses "options: line 1: expected a line like: steps = 500" '= 500'
refuses "options: line 1: no command 'trian'; did you mean [train]?" '[trian]'
refuses "options: line 1: expected a heading like [train]" '[train'
refuses "options: line 1: expected a heading like [train]" '[train] steps'
printf 'steps = 3\0\n' >options
expect 2 "options: line 1: a zero byte" train --config options ring.csv -o m
expect 1 "nowhere: No such file" train --config nowhere ring.csv -o m
expect 1 "directory" train --config . ring.csv -o m
expect 2 "--config needs a value" train --config
expect 2 "did you mean --config?" train --confg x
expect 2 "--print-config takes no value" train --print-config=yes
expect 2 "'no' is not true or false" train ring.csv -o m --resume=no

# What --print-config writes says the same again: for the options, and for the model and rows made of them.
options="--net mlp:16x2 --steps 40 --batch 32 --lr 0.00123456789012345 --seed 3 --ema 0.99 --held-out 0.2 --threads 1"
# shellcheck disable=SC2086
"$flowmatch" train --print-config ring.csv -o 'one "#" model' --quiet $options >one.conf
"$flowmatch" train --config one.conf --print-config >two.conf
same one.conf two.conf
# shellcheck disable=SC2086
expect 0 "" train ring.csv -o m $options --quiet
expect 0 "" train --config one.conf
same m 'one "#" model'
expect 0 "" train -o other --seed 4 --config one.conf
differ m other
cat >both.conf <<END
quiet = true
seed = 5

[train]
data = first.csv last.csv   # one table
output = both.model
net = mlp:16x2
steps = 40

[sample]
model = both.model
rows = 4
steps = 5
output = both.csv
END
expect 0 "" train --config both.conf
expect 0 "" sample --config both.conf
expect 0 "" sample both.model -n 4 --steps 5 --seed 5 -o given.csv --quiet
same both.csv given.csv
"$flowmatch" sample --config both.conf --print-config >three.conf
"$flowmatch" sample --print-config --config three.conf >four.conf
same three.conf four.conf
expect 0 "model = both.model" info --print-config both.model

# ---- help --------------------------------------------------------------------------------------------

# The way that the help shows can be gone.
{ printf '\223NUMPY\001\000\166\000'
  printf '%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (60, 2, 2), }"
  head -c 240 /dev/zero | tr '\0' '\7'; } >pictures.npy
awk 'BEGIN { for (i = 0; i < 60; i++) print i % 3 }' >classes.csv
"$flowmatch" --help | sed -n 's/^  flowmatch \(train\|sample\) .*-o /&/p' >way
check "three examples" test "$(wc -l <way)" -eq 3
printf '[train]\nnet = mlp:8x1\nsteps = 3\nquiet = true\n[sample]\nquiet = true\nsteps = 1\n' >quick.conf
while read -r _ line; do
  # shellcheck disable=SC2086
  expect 0 "" $line --config quick.conf
done <way
check "new rows" test -s new.npy
check "a sheet" test -s sheet.png
commands=$("$flowmatch" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
for command in $commands; do
  "$flowmatch" help "$command" >one.help
  "$flowmatch" "$command" --help >two.help
  same one.help two.help
  check "a line for $command" grep -q "^usage: flowmatch $command" one.help
done
expect 2 "no command 'nothing'" help nothing
expect 2 "what is 'x' for?" manual x

# ---- rows held out in a file of their own --------------------------------------------------------------

quick="--net mlp:16x2 --steps 40 --batch 32"
# shellcheck disable=SC2086
expect 0 "200 rows of 2 columns, 100 more held out" train first.csv --val last.csv -o val.model $quick
# shellcheck disable=SC2086
expect 0 "on 100 held out" train first.csv --val last.csv -o val.model $quick
expect 0 "steps on 200 rows" info val.model
# Other rows, other losses.
# shellcheck disable=SC2086
expect 0 "" train first.csv --val first.csv -o other.model $quick --quiet
loss() { "$flowmatch" info "$1" | sed -n 's/.* \([0-9.e+]*\) on rows held out.*/\1/p'; }
check "losses on other rows: $(loss val.model), $(loss other.model)" test "$(loss val.model)" != "$(loss other.model)"
awk -F, '{ print $1 + 100 "," $2 }' last.csv >far.csv
# shellcheck disable=SC2086
expect 0 "" train first.csv --val far.csv -o far.model $quick --quiet
check "a loss of $(loss far.model) far away" awk "BEGIN { exit !($(loss far.model) > 100 * $(loss val.model)) }"
# They decide what is kept, not what is learned: with --keep-last the model is that without any.
# shellcheck disable=SC2086
expect 0 "" train first.csv -o none.model $quick --held-out 0 --quiet
# shellcheck disable=SC2086
expect 0 "" train first.csv --val far.csv -o last.model $quick --keep-last --quiet
"$flowmatch" sample none.model -n 5 -o none.out.csv -q
"$flowmatch" sample last.model -n 5 -o last.out.csv -q
same none.out.csv last.out.csv
# shellcheck disable=SC2086
expect 0 "40 held out" train first.csv --held-out 0.2 --schedule plateau -o m $quick
# shellcheck disable=SC2086
expect 0 "100 more held out" train first.csv --val last.csv --schedule plateau -o m $quick

awk 'BEGIN { for (i = 0; i < 200; i++) print i % 3 }' >first.labels
awk 'BEGIN { for (i = 0; i < 100; i++) print 2 }' >last.labels
awk 'BEGIN { for (i = 0; i < 200; i++) print i / 200 "," i % 2 }' >first.cond
awk 'BEGIN { for (i = 0; i < 100; i++) print i / 100 "," i % 2 }' >last.cond
# val TEXT OPTIONS...: such a run is refused, and TEXT says why
val() {
  text=$1
  shift
  expect "$code_of_val" "$text" train first.csv -o bad.model "$@"
}
# shellcheck disable=SC2086
expect 0 "100 more held out" train first.csv --labels first.labels --cond first.cond --val last.csv \
  --val-labels last.labels --val-cond last.cond -o m $quick
awk 'BEGIN { for (i = 0; i < 200; i++) print i % 3 "," i % 2 }' >first.two
code_of_val=2
val "--held-out or --val" --val last.csv --held-out 0.1
val "can't be used with --missing mask" --val last.csv --missing mask
val "--val-labels is for the rows of --val FILE" --val-labels last.labels --labels first.labels
val "--val-cond is for the rows of --val FILE" --val-cond last.cond
val "needs --val-labels FILE too" --val last.csv --labels first.labels
val "needs --val-cond FILE too" --val last.csv --cond first.cond
val "--val-labels is for --labels" --val last.csv --val-labels last.labels
code_of_val=1
val "last.labels: it has 1 column, the rows trained on 2" --val last.csv --val-labels last.labels --labels first.two
awk '{ print $1 + 1 }' last.labels >more.labels
val "more.labels: row 0, column 0 (counted from 0) is 3; --labels has classes 0 .. 2" --labels first.labels \
  --val last.csv --val-labels more.labels
val "100 rows where 200 were expected" --labels last.labels --val last.csv --val-labels last.labels
val "200 rows where 100 were expected" --labels first.labels --val last.csv --val-labels first.labels
val "last.labels: it has 1 column, the rows trained on 2" --cond first.cond --val last.csv --val-cond last.labels
val "last.labels: it has 1 column, the rows trained on 2" --val last.labels
val "No such file" --val missing.csv
printf 'a,b\n1,2\n3,4\n' >ab.csv
printf 'b,a\n1,2\n3,4\n' >ba.csv
expect 0 "warning: ba.csv: its columns have other names than those of ab.csv: b,a" train ab.csv --val ba.csv -o m \
  --net mlp:4x1 --steps 1

# ---- completions -------------------------------------------------------------------------------------

options_of() { "$flowmatch" "$1" --help | sed -n 's/^  \(-., \|    \)--\([a-z-]*\).*/\2/p'; }

for shell in bash zsh fish; do
  "$flowmatch" completion $shell >completion.$shell
  if command -v $shell >/dev/null 2>&1; then check "the syntax of $shell" $shell -n completion.$shell; fi
  for command in $commands; do
    missing=
    for name in $(options_of "$command"); do grep -qF -e "$name" completion.$shell || missing="$missing $name"; done
    check "$shell does not know the options of $command:$missing" test -z "$missing"
  done
done
expect 2 "'tcsh' is not one of bash|zsh|fish" completion tcsh
expect 2 "SHELL is missing" completion

# completes WANTED WORDS...: bash completes the last of the words to these.
completes() {
  wanted=$1
  shift
  : >log
  # shellcheck disable=SC2016
  got=$(bash -c '. ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _flowmatch
    echo "${COMPREPLY[*]}"' bash "$@")
  if [ "$got" = "$wanted" ]; then pass; else fail "'$*' is completed to '$got', not '$wanted'"; fi
}
if command -v bash >/dev/null 2>&1; then
  completes "train" flowmatch tr
  completes "sample" flowmatch help sa
  completes "--help" flowmatch --h
  completes "error mask" flowmatch train --missing ""
  completes "mask" flowmatch train --missing = m
  completes "error mask" flowmatch train --missing =
  completes "--missing" flowmatch train x.csv --mis
  completes "--format --first-row" flowmatch sample --f
  completes "" flowmatch train --steps ""
  completes "ring.csv" flowmatch train ri
  completes "ring.csv" flowmatch train --labels rin
  completes "ring.csv" flowmatch sample -o ri
  completes "bash zsh fish" flowmatch completion ""
  completes "" flowmatch manual ""
  touch "name with blanks.csv"
  completes "name with blanks.csv" flowmatch train --val na
  completes "$(echo $commands help --help --version)" flowmatch ""
  completes "$(options_of sample | sed 's/^/--/' | tr '\n' ' ' | sed 's/ $//')" flowmatch sample --
else
  echo "There is no bash: completing is not tested."
fi

# ---- the manual --------------------------------------------------------------------------------------

"$flowmatch" manual >flowmatch.1
for command in $commands; do
  check "flowmatch $command is in the manual" grep -q "^\.SS flowmatch $command " flowmatch.1
  "$flowmatch" manual | awk -v command="$command" '/^\.S[HS]/ { on = $3 == command || /EVERY/ } on' >section
  missing=
  for name in $(options_of "$command" | sed 's/-/\\-/g'); do
    grep -qF -e "\\fB\\-\\-$name\\fR" section || missing="$missing $name"
  done
  check "options of $command are not in the manual:$missing" test -z "$missing"
done
if command -v groff >/dev/null 2>&1; then
  groff -man -ww -Tutf8 -z flowmatch.1 >log 2>&1
  if [ -s log ]; then fail "groff warns"; else pass; fi
  groff -man -Tascii flowmatch.1 2>log | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >page
  check "the manual's text" grep -q -e '--val-labels FILE' page
  check "examples as they are typed" grep -qF -e 'flowmatch sample rows.safetensors -n 3 -o -' page
else
  echo "There is no groff: how the manual looks is not tested."
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
