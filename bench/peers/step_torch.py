"""The time of one step of Python's torch.optim, fused and foreach, beside bench_step: the same
profiles, optimizers and JSON lines.

    python3 bench/peers/step_torch.py --threads 2 --optimizer adamw --profile sine-mlp

With --optimizer full_adagrad: full-matrix AdaGrad as it is usually written with SciPy (the sum of
outer products, sqrtm and inv in every step), 8 gradients of length 1024. It takes half a minute, so
it runs only when asked for.
"""
import argparse
import json
import math
import os
import sys
import time

# Bytes a parameter and step, the class, its options.
RULES = {
    "sgd momentum": (20, "SGD", {"momentum": 0.9}),
    "adagrad": (20, "Adagrad", {}),
    "adadelta": (28, "Adadelta", {}),
    "rmsprop": (20, "RMSprop", {}),
    "rprop": (28, "Rprop", {}),
    "adam": (28, "Adam", {}),
    "adamw": (28, "AdamW", {}),
    "adamax": (28, "Adamax", {}),
    "nadam": (28, "NAdam", {}),
    "radam": (28, "RAdam", {}),
    "asgd": (20, "ASGD", {}),
}
HAVE_FUSED = ("sgd momentum", "adagrad", "adam", "adamw")
TURN, BUDGET, LEAST_ROUNDS = 200e-6, 0.4, 5  # seconds, as in bench/step/race.cpp


def resnet50_trunk():
    shapes = []

    def conv_and_norm(out, inputs, size):
        shapes.extend([(out, inputs, size, size), (out,), (out,)])

    conv_and_norm(64, 3, 7)
    inputs = 64
    for planes, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            conv_and_norm(planes, inputs, 1)
            conv_and_norm(planes, planes, 3)
            conv_and_norm(4 * planes, planes, 1)
            if block == 0:
                conv_and_norm(4 * planes, inputs, 1)
            inputs = 4 * planes
    return shapes


PROFILES = {
    "sine-mlp": [(64, 1), (64,), (64, 64), (64,), (1, 64), (1,)],
    "1000x64": [(64,)] * 1000,
    "20x16384": [(16384,)] * 20,
    "resnet50-like": resnet50_trunk(),
    "64M": [(64 * 1024 * 1024,)],
}


def rival(torch, optimizer, shapes, how):
    """A function that takes one step; how is "fused" or "foreach"."""
    generator = torch.Generator().manual_seed(1)
    params = [torch.randn(shape, generator=generator) * 0.1 for shape in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator) * 0.01
    _, name, options = RULES[optimizer]
    return getattr(torch.optim, name)(params, lr=1e-6, **options, **{how: True}).step


def time_of(step, count):
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def race(steps, rounds):
    """The least seconds a step of each; they take turns."""
    counts = []
    for step in steps:
        step()
        step()
        counts.append(math.ceil(TURN / min(time_of(step, 1), time_of(step, 1))))
    best = [math.inf] * len(steps)
    end = time.perf_counter() + BUDGET * len(steps)
    done = 0
    while done < rounds if rounds else done < LEAST_ROUNDS or time.perf_counter() < end:
        for i, step in enumerate(steps):
            step()
            best[i] = min(best[i], time_of(step, counts[i]))
        done += 1
    return best


def full_adagrad():
    try:
        import numpy
        import scipy.linalg
    except ImportError as missing:
        print(f"step_torch.py: {missing}, so full AdaGrad is not measured", file=sys.stderr)
        return
    generator = numpy.random.default_rng(1)
    gradients = generator.standard_normal((8, 1024))
    total, p = numpy.zeros((1024, 1024)), numpy.zeros(1024)
    start = time.perf_counter()
    for g in gradients:
        total += numpy.outer(g, g)
        root = scipy.linalg.sqrtm(total).real
        p -= 1e-2 * (scipy.linalg.inv(root + 1e-5 * numpy.eye(1024)) @ g)
    us = (time.perf_counter() - start) * 1e6
    print(json.dumps({"who": "scipy sqrtm and inv", "optimizer": "full_adagrad",
                      "profile": "8x1024", "n": 1024, "tensors": 1, "us": round(us, 3)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description="The time of one step of Python's torch.optim.")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--optimizer", nargs="+", choices=[*RULES, "full_adagrad"],
                        default=list(RULES))
    parser.add_argument("--profile", nargs="+", choices=list(PROFILES), default=list(PROFILES))
    parser.add_argument("--rounds", type=int, default=0, help="0: as many as fit into 0.4 s, but 5")
    arguments = parser.parse_args()
    # SciPy's BLAS reads this when it is loaded.
    os.environ["OPENBLAS_NUM_THREADS"] = str(arguments.threads)

    if "full_adagrad" in arguments.optimizer:
        full_adagrad()
    asked_for = [name for name in RULES if name in arguments.optimizer]
    if not asked_for:
        return
    try:
        import torch
    except ImportError as missing:
        print(f"step_torch.py: {missing}, so Python's torch.optim is not measured", file=sys.stderr)
        return
    torch.set_num_threads(arguments.threads)
    for profile in arguments.profile:
        shapes = PROFILES[profile]
        n = sum(math.prod(shape) for shape in shapes)
        for optimizer in asked_for:
            hows = ("fused", "foreach") if optimizer in HAVE_FUSED else ("foreach",)
            seconds = race([rival(torch, optimizer, shapes, how) for how in hows], arguments.rounds)
            for how, s in zip(hows, seconds):
                moved = RULES[optimizer][0] * n
                print(json.dumps({"who": f"python torch.optim {how}", "optimizer": optimizer,
                                  "profile": profile, "n": n, "tensors": len(shapes),
                                  "threads": arguments.threads, "bytes": moved,
                                  "us": round(s * 1e6, 3), "gb_s": round(moved / s / 1e9, 3)}),
                      flush=True)


if __name__ == "__main__":
    main()
