#!/bin/sh
# flowmatch logp from outside: log-densities of rows whose distribution is known, what is written, and what is
# said to who goes wrong; and draws with noise on the way.
#
#   FLOWMATCH=build/flowmatch sh tests/cli/logp_test.sh
#
# The last line is "N passed, N failed".
set -u
# shellcheck source=tests/cli/harness.sh
. "$(dirname "$0")/harness.sh"

# Class 0 is N(-1, 0.5^2), class 1 N(3, 0.5^2), beside N(10, 2^2): entropy 0.726 + 2.112 nats for each class.
awk 'function normal() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
  BEGIN { srand(1); for (i = 0; i < 4000; i++)
    printf "%.5f,%.5f\n", (i % 2 ? 3 : -1) + .5 * normal(), 10 + 2 * normal() }' >all.csv
head -2000 all.csv >two.csv
tail -500 all.csv >fresh.csv
awk 'BEGIN { for (i = 0; i < 2000; i++) print i % 2 }' >class.csv
head -500 class.csv >fresh_class.csv
awk -F, 'BEGIN { OFS = "," } { $1 = NR % 7 == 0 ? "" : $1; print }' two.csv >holes.csv
awk -F, '{ print $1 ",5" }' two.csv >flat.csv
cut -d, -f1 two.csv >one.csv
expect 0 "" train two.csv --labels class.csv -o class.model --net mlp:32x3 --steps 1200 --batch 128 --lr 0.005 \
  --ema 0.98 --keep-last -q
expect 0 "" train holes.csv --missing mask -o holes.model --net mlp:16x2 --steps 20 -q
expect 0 "" train flat.csv -o flat.model --net mlp:16x2 --steps 20 -q

# ---- usage -------------------------------------------------------------------------------------------

expect 0 "Examples:" logp --help
expect 0 "  logp " --help
expect 2 "MODEL is missing" logp
expect 2 "DATA is missing after the model" logp m
expect 2 "what is 'z' for?" logp m y z
expect 2 "end it in .npy or .csv" logp m y -o x.png
expect 2 "one of them" logp m y --label 1 --labels class.csv
expect 2 "--probes goes with" logp m y --probes 3
expect 2 "not one of exact|rademacher|gaussian" logp m y --divergence best
expect 1 "No such file" logp m y
expect 1 "it has 1 column, expected were 2" logp class.model one.csv
expect 1 "expected were 500 of 1" logp class.model fresh.csv --labels class.csv
expect 1 "missing values" logp holes.model two.csv
expect 1 "column 1 is constant" logp flat.model flat.csv

# ---- numbers -----------------------------------------------------------------------------------------

# near WANT SLACK: the mean that was printed is within SLACK.
near() {
  found=$(sed -n 's/^negative log-likelihood: \([-0-9.e+]*\) nats.*/\1/p' log)
  if awk -v x="$found" -v want="$1" -v slack="$2" 'BEGIN { exit !(x != "" && (x - want) ^ 2 <= slack ^ 2) }'
  then pass; else fail "the mean is '$found', expected was $1"; fi
}

expect 0 "mean of 500 rows" logp class.model fresh.csv --labels fresh_class.csv -o logp.csv -q
near 2.838 .15
expect 0 "bits for each of 2 columns" logp class.model fresh.csv -q
near 3.8 .5 # without its class a row is as likely as one of either: log 2 more, or a tenth of the training
check "log-densities of 500 rows under their name" \
  awk 'NR == 1 && $0 != "log_density" { exit 1 } NR > 1 && !($1 < 0) { exit 1 } END { exit NR != 501 }' logp.csv
expect 0 "from probes" logp class.model fresh.csv --labels fresh_class.csv --divergence rademacher --probes 4 \
  --seed 3 -o estimate.csv -q
near 2.838 .2
check "estimates with their errors" \
  awk -F, 'NR == 1 && $0 != "log_density,error" { exit 1 } NR > 1 { sum += $2 } NR > 1 && !($2 >= 0) { exit 1 } END { exit NR != 501 || sum == 0 }' \
  estimate.csv
expect 0 "negative log-likelihood" logp class.model fresh.csv --labels fresh_class.csv -o threads.csv -q --threads 1
same logp.csv threads.csv
expect 0 "negative log-likelihood" logp class.model fresh.csv --labels fresh_class.csv -o one.npy -q
check "a .npy of doubles" test "$(wc -c <one.npy)" -eq $((128 + 500 * 8))
expect 0 "need more steps" logp class.model fresh.csv --labels fresh_class.csv --steps 2
"$flowmatch" logp class.model fresh.csv --labels fresh_class.csv -o - -q >standard.csv 2>log
near 2.838 .15
same logp.csv standard.csv

# ---- draws with noise on the way: other rows of the same distribution ---------------------------------

expect 2 "--solver euler or heun2, not rk4" sample class.model -n 9 -o x.csv --diffusion 1 --solver rk4
expect 2 "fixed steps" sample class.model -n 9 -o x.csv --diffusion 1 --rtol 1e-3
expect 0 "" sample class.model -n 1000 --label 1 -o flow.csv -q
expect 0 "" sample class.model -n 1000 --label 1 --diffusion 1 -o noisy.csv -q
expect 0 "" sample class.model -n 1000 --label 1 --diffusion 1 --threads 1 -o again.csv -q
same noisy.csv again.csv
expect 0 "" sample class.model -n 1000 --label 1 --diffusion ddpm -o ddpm.csv -q
expect 0 "" sample class.model -n 1000 --label 1 --path cosine -o cosine.csv -q
differ noisy.csv flow.csv
differ ddpm.csv flow.csv
for file in flow.csv noisy.csv ddpm.csv cosine.csv; do
  check "$file has the class's mean and deviation" awk -F, '$1 == $1 + 0 { n++; sum += $1; squares += $1 ^ 2 }
    END { mean = sum / n; s = sqrt(squares / n - mean ^ 2)
      exit !(n == 1000 && (mean - 3) ^ 2 < .01 && s > .35 && s < .65) }' $file
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
