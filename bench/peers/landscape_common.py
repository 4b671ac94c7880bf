"""What the Python peers of bench_landscape share: options, timing, lines of JSON.

The job: 10,000 networks 1-H-H-1 with ReLU at the points center + alpha * u + beta * v, alpha and beta each
100 numbers from -5 to 5, mean squared error over N samples of the sine, one thread.
"""
import argparse
import json
import os
import time

NETWORKS = 10000


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def pin(threads):
    """Keeps the process on its first `threads` processors. Call it before importing the library."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def weights(numpy, hidden, seed):
    """Six arrays, a fresh draw of Linear's initialiser: uniform within 1 / sqrt(inputs)."""
    generator = numpy.random.default_rng(seed)
    result = []
    for inputs, outputs in ((1, hidden), (hidden, hidden), (hidden, 1)):
        bound = 1 / inputs**0.5
        for shape in ((outputs, inputs), (outputs,)):
            result.append(generator.uniform(-bound, bound, shape).astype("float32"))
    return result


def report(ways, opts):
    """Runs every way once to warm up, then all in turn, and prints the best round of each."""
    best = {}
    for _ in range(opts.rounds + 1):
        first = not best
        for name, work in ways.items():
            begin = time.perf_counter()
            work()
            seconds = time.perf_counter() - begin
            best[name] = seconds if first else min(best[name], seconds)
    for name, seconds in best.items():
        print(json.dumps({"who": name, "H": opts.hidden, "N": opts.samples, "path": "python",
                          "s": round(seconds, 6), "networks": NETWORKS, "threads": opts.threads}),
              flush=True)
