"""What the Python peers of bench_landscape share: options, data, timing, lines of JSON.

The job: networks of Linear and ReLU at the points center + alpha * u + beta * v, alpha and beta each
`--points` numbers from -5 to 5, and their mean squared error (one output) or cross entropy over N samples,
on one thread. One input: the sine.
"""
import argparse
import json
import os
import time


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--widths", type=lambda text: [int(w) for w in text.split(",")],
                        default=[1, 64, 64, 1], help="1,64,64,1")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def pin(threads):
    """Keeps the process on the last `threads` of its processors. Call it before importing the library."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def weights(numpy, widths, seed):
    """(weight, bias) of each layer, a fresh draw of Linear's initialiser: uniform within 1 / sqrt(inputs)."""
    generator = numpy.random.default_rng(seed)
    result = []
    for inputs, outputs in zip(widths, widths[1:]):
        bound = 1 / inputs**0.5
        for shape in ((outputs, inputs), (outputs,)):
            result.append(generator.uniform(-bound, bound, shape).astype("float32"))
    return result


def data(numpy, opts):
    """Inputs (N, in) and targets: (N, 1), or classes (N,) where there are several outputs."""
    if opts.widths[0] == 1:
        inputs = numpy.linspace(-numpy.pi, numpy.pi, opts.samples, dtype="float32")[:, None]
        return inputs, numpy.sin(inputs)
    generator = numpy.random.default_rng(9)
    inputs = generator.standard_normal((opts.samples, opts.widths[0])).astype("float32")
    if opts.widths[-1] == 1:
        return inputs, numpy.sin(inputs.sum(1, keepdims=True))
    return inputs, generator.integers(0, opts.widths[-1], opts.samples)


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
        print(json.dumps({"who": name, "widths": opts.widths, "N": opts.samples, "path": "python",
                          "s": round(seconds, 6), "networks": opts.points**2, "threads": opts.threads}),
              flush=True)
