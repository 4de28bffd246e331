"""What the baselines share: the sizes of bench/bench.c, medians, and the row format.

A row is "row", engine, what, case, microseconds, between tabs: the same that step_bench --rows and
sample_bench --rows print. `what` is step, one (one row, 10 Euler steps) or many (1000 rows, 20 steps).
"""

import statistics
import time

TIME_FEATURES = 64
# batch, dim, width, linear layers
SIZES = [(64, 2, 64, 4), (256, 2, 256, 4), (256, 64, 256, 4), (256, 64, 1024, 6)]
ONE_STEPS = 10
MANY_ROWS, MANY_STEPS = 1000, 20


def layer_widths(dim, width, layers):
    return [dim + TIME_FEATURES] + [width] * (layers - 1) + [dim]


def frequencies():
    half = TIME_FEATURES // 2
    return [1000.0 * 10000.0 ** (-i / half) for i in range(half)]


def median_seconds(run, seconds=2.0, least=7):
    """The median CPU time of run(), after a warm-up, over about `seconds`.

    CPU time of the process, as bench/bench.c takes it: with one thread it is the time that passes on an idle
    machine, and it stays right when others use the cores too.
    """
    start = time.process_time()
    run()
    if time.process_time() - start > seconds:
        least = 2
    else:
        run()
        run()
    times, end = [], time.process_time() + seconds
    while len(times) < least or time.process_time() < end:
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times)


def print_row(engine, what, size, seconds):
    name = "x".join(str(n) for n in size)
    print(f"row\t{engine}\t{what}\t{name}\t{1e6 * seconds:.2f}", flush=True)
