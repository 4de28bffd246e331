#!/bin/sh
# Runs the library and its peers in turn, several rounds, and prints one table of medians.
#
#   BUILD=build    where `make bench-programs` put the programs (it is run first)
#   PYTHON=        a Python with the packages of requirements.txt; without it the present python3 is used if it
#                  has them, else a virtual environment is made in $BUILD/peers
#   ROUNDS=3       how often everything is run
#   SECONDS_EACH=1 CPU time that a peer's median is taken over
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
BUILD=${BUILD:-build}
ROUNDS=${ROUNDS:-3}
SECONDS_EACH=${SECONDS_EACH:-1}

has_packages() { "$1" -c 'import numpy, onnx, onnxruntime, torch' 2>/dev/null; }

if [ -z "${PYTHON:-}" ]; then
  if has_packages python3; then
    PYTHON=python3
  else
    PYTHON=$BUILD/peers/bin/python
    [ -x "$PYTHON" ] || python3 -m venv "$BUILD/peers"
    has_packages "$PYTHON" || "$PYTHON" -m pip install -q -r "$here/requirements.txt"
  fi
fi

make BUILD="$BUILD" bench-programs >&2
rows=$BUILD/bench/rows.tsv
: > "$rows"
round=1
while [ "$round" -le "$ROUNDS" ]; do
  echo "round $round of $ROUNDS" >&2
  "$BUILD/bench/step_bench" --rows >> "$rows"
  "$PYTHON" "$here/torch_baseline.py" --seconds "$SECONDS_EACH" >> "$rows"
  "$BUILD/bench/sample_bench" --rows >> "$rows"
  "$PYTHON" "$here/onnx_baseline.py" --seconds "$SECONDS_EACH" >> "$rows"
  round=$((round + 1))
done
"$PYTHON" - <<'PYTHON'
import numpy, onnxruntime, torch
print(f"PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, NumPy {numpy.__version__}")
PYTHON
"$PYTHON" "$here/table.py" < "$rows"
