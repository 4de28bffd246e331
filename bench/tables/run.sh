#!/bin/sh
# Runs the programs of the tables in turn, one report for all of them, and draws the pictures of those that ran.
#
#   sh bench/tables/run.sh BUILD FOLDER "NAME..." [--quick] [--seeds N] [--share S]
#
# FOLDER/tables.md is the report. The exit code is 1 if any line of acceptance was missed.
set -u
export OPENBLAS_NUM_THREADS=1 # then large training products may go to it
build=$1 folder=$2 names=$3
shift 3
mkdir -p "$folder" || exit 2
missed=0

# plot MODEL PICTURE OPTIONS...: if a table left the model
plot() {
  model=$folder/$1.safetensors picture=$folder/$2.png
  shift 2
  [ ! -e "$model" ] || "$build/flowmatch" plot -q "$model" -o "$picture" --threads 1 "$@"
}
# curves NAME TITLE
curves() {
  [ ! -e "$folder/$1.csv" ] || "$build/bench/tables/curves" "$folder/$1.csv" "$folder/$1.png" "$2"
}

for name in $names; do
  "$build/bench/tables/${name}_table" --out "$folder" "$@"
  case $? in
    0) ;;
    1) missed=$((missed + 1)) ;;
    *) exit 2 ;;
  esac
done
for name in minibatch_ot conditions checkerboard reflow solvers few_steps; do # in the order of their numbers
  [ ! -e "$folder/$name.md" ] || { cat "$folder/$name.md"; echo; }
done > "$folder/tables.md"

plot noise_I-CFM flow_icfm -n 100 --data "$folder/noise_ring.csv"
plot noise_OT-CFM flow_otcfm -n 100 --data "$folder/noise_ring.csv"
plot checkerboard checkerboard --kind density -n 20000 --data "$folder/checkerboard.csv"
plot rectified_1 rectified_1 -n 40 --data "$folder/rectified.csv"
plot rectified_2 rectified_2 -n 40 --data "$folder/rectified.csv"
plot few_cfm one_step_cfm -n 100 --solver euler --steps 1 --data "$folder/few_ring.csv"
plot few_reflow one_step_reflow -n 100 --solver euler --steps 1 --data "$folder/few_ring.csv"
plot few_mean_flow one_step_mean_flow -n 100 --solver mean --steps 1 --data "$folder/few_ring.csv"
curves errors_exact "Exact velocity of a mixture: error over evaluations"
curves errors_trained "A network trained on the checkerboard: error over evaluations"

echo
echo "The report is $folder/tables.md; tables with a line of acceptance missed: $missed"
[ $missed -eq 0 ]
