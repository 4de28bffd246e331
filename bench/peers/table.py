"""Reads the rows of all engines and rounds from standard input and prints one table: medians over the rounds
in microseconds, and every engine's time divided by the library's (its own kernels)."""

import collections
import statistics
import sys

ENGINES = [
    ("own", "ours"),
    ("cblas", "ours, CBLAS"),
    ("sgemm-floor", "sgemm floor"),
    ("read-floor", "read floor"),
    ("torch-eager", "PyTorch eager"),
    ("torch-compiled", "PyTorch compiled"),
    ("onnxruntime", "ONNX Runtime"),
    ("onnxruntime-unrolled", "ONNX Rt. unrolled"),
]
TITLES = [
    ("step", "Training step"),
    ("one", "One row, 10 Euler steps"),
    ("many", "1000 rows, 20 Euler steps"),
]


def read_rows(lines):
    times = collections.defaultdict(list)
    for line in lines:
        parts = line.rstrip("\n").split("\t")
        if len(parts) == 5 and parts[0] == "row":
            times[parts[2], parts[3], parts[1]].append(float(parts[4]))
    return {key: statistics.median(values) for key, values in times.items()}


def print_table(title, what, medians):
    cases = list(dict.fromkeys(case for w, case, _ in medians if w == what))
    engines = [(e, name) for e, name in ENGINES if any((what, c, e) in medians for c in cases)]
    print(f"\n{title}: microseconds, one thread (and the ratio to ours)\n")
    print("| batch x dim x width x layers | " + " | ".join(name for _, name in engines) + " |")
    print("|---" * (len(engines) + 1) + "|")
    for case in cases:
        ours = medians.get((what, case, "own"))
        cells = []
        for engine, _ in engines:
            us = medians.get((what, case, engine))
            if us is None:
                cells.append("-")
            elif engine == "own" or not ours:
                cells.append(f"{us:,.1f}")
            else:
                cells.append(f"{us:,.1f} ({us / ours:.2f})")
        print(f"| {case} | " + " | ".join(cells) + " |")


def main():
    medians = read_rows(sys.stdin)
    for what, title in TITLES:
        print_table(title, what, medians)


if __name__ == "__main__":
    main()
