"""The exact assignment of a batch against SciPy's, cost matrix included for both.

    python bench/peers/couple_scipy.py [build/libflowmatch.so] [--seconds 2]

Both run in this process in turn, on the same rows: fm_coupling_pair_f64, and linear_sum_assignment of cdist's
squared distances. CPU time of the process, medians; the ratio is the median over the turns. The two must find
the same total cost.
"""

import argparse
import ctypes
import statistics
import time

import numpy
import scipy
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

REQUIRED = 3.0


def rows(n, dim, kind, rng):
    """Noise, and data: a ring of eight Gaussians in each pair of columns, or noise too."""
    x0 = rng.standard_normal((n, dim))
    x1 = rng.standard_normal((n, dim))
    if kind == "ring":
        corner = rng.integers(0, 8, n)[:, None] + numpy.arange(dim) // 2
        angle = numpy.pi / 4 * corner
        x1 = 1.4 * numpy.where(numpy.arange(dim) % 2, numpy.sin(angle), numpy.cos(angle)) + 0.2 * x1
    return x0, x1


class Library:
    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.ctx = ctypes.c_void_p()
        assert self.lib.fm_ctx_create(None, ctypes.byref(self.ctx)) == 0

    def coupling(self, n, dim):
        made = ctypes.c_void_p()
        size = ctypes.c_size_t
        status = self.lib.fm_coupling_create(
            self.ctx, size(n), size(dim), size(0), size(0), None, ctypes.byref(made)
        )
        assert status == 0
        return made

    def pair(self, coupling, x0, x1, index):
        pointer = lambda a: a.ctypes.data_as(ctypes.c_void_p)
        status = self.lib.fm_coupling_pair_f64(
            self.ctx, coupling, pointer(x0), pointer(x1), None, None, ctypes.c_size_t(len(x0)),
            ctypes.c_uint64(0), ctypes.c_uint64(0), pointer(index), None, None,
        )
        assert status == 0


def compare(library, n, dim, kind, seconds, rng):
    coupling = library.coupling(n, dim)
    index = numpy.empty(n, dtype=numpy.uint64)
    ours, theirs = [], []
    end = time.process_time() + seconds
    while len(ours) < 5 or time.process_time() < end:
        x0, x1 = rows(n, dim, kind, rng)
        t0 = time.process_time()
        library.pair(coupling, x0, x1, index)
        t1 = time.process_time()
        cost = cdist(x0, x1, "sqeuclidean")
        i, j = linear_sum_assignment(cost)
        t2 = time.process_time()
        ours.append(t1 - t0)
        theirs.append(t2 - t1)
        total, own = cost[i, j].sum(), cost[index.astype(numpy.int64), numpy.arange(n)].sum()
        assert len(set(index)) == n and abs(total - own) <= 1e-12 * total, (total, own)
    library.lib.fm_coupling_destroy(coupling)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs))
    return statistics.median(ours), statistics.median(theirs), ratio, len(ours)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", nargs="?", default="build/libflowmatch.so")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    library = Library(options.library)
    print(f"SciPy {scipy.__version__}, NumPy {numpy.__version__}; milliseconds")
    print(f"{'rows':>6} {'dim':>4} {'data':>6} {'ours':>9} {'SciPy':>9} {'ratio':>7} {'turns':>6}")
    least = float("inf")
    for n in (256, 1024):
        for dim in (2, 64):
            for kind in ("ring", "noise"):
                rng = numpy.random.default_rng(n + dim)
                a, b, ratio, turns = compare(library, n, dim, kind, options.seconds, rng)
                least = min(least, ratio)
                print(f"{n:6} {dim:4} {kind:>6} {1e3 * a:9.3f} {1e3 * b:9.3f} {ratio:7.2f} {turns:6}")
    print(f"least ratio {least:.2f}, required {REQUIRED}: {'PASS' if least >= REQUIRED else 'FAIL'}")
    raise SystemExit(least < REQUIRED)


if __name__ == "__main__":
    main()
