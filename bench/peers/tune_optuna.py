"""Optuna's time of asking for a trial and what it leaves to known minima, beside bench_tune: the
same functions and seeds. Asking includes the suggestions, as it does there.

    python3 bench/peers/tune_optuna.py [--seeds 20]
"""
import argparse
import math
import statistics
import sys
import time

try:
    import optuna
except ImportError as missing:
    sys.exit(f"tune_optuna.py needs Optuna (pip install optuna): {missing}")

HEIGHTS = (1, 1.2, 3, 3.2)
WIDTHS = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8),
          (17, 8, 0.05, 10, 0.1, 14))
PLACES = ((0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
          (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
          (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
          (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381))


def branin(x, y):
    bend = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bend * bend + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann_6(*x):
    return -sum(height * math.exp(-sum(w * (a - p)**2 for w, a, p in zip(width, x, place)))
                for height, width, place in zip(HEIGHTS, WIDTHS, PLACES))


def log_bowl(a, b):
    return (math.log10(a) + 2.5)**2 + 0.25 * (math.log10(b) + 4)**2


FUNCTIONS = (("Branin", branin, [("x", -5, 10, False), ("y", 0, 15, False)], 0.397887357729738),
             ("Hartmann-6", hartmann_6, [(f"x{i}", 0, 1, False) for i in range(1, 7)],
              -3.32236801141551),
             ("logbowl", log_bowl, [("a", 1e-6, 10, True), ("b", 1e-8, 1, True)], 0.0))
SAMPLERS = (("random", lambda seed: optuna.samplers.RandomSampler(seed=seed)),
            ("tpe", lambda seed: optuna.samplers.TPESampler(seed=seed)),
            ("gp", lambda seed: optuna.samplers.GPSampler(seed=seed)))


def run(function, sides, sampler, trials, times, since):
    study = optuna.create_study(sampler=sampler)
    for number in range(trials):
        begin = time.perf_counter()
        trial = study.ask()
        values = [trial.suggest_float(name, lo, hi, log=log) for name, lo, hi, log in sides]
        if number >= since:
            times.append(time.perf_counter() - begin)
        study.tell(trial, function(*values))
    return study.best_value


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--seeds", type=int, default=20)
seeds = parser.parse_args().seeds
optuna.logging.set_verbosity(optuna.logging.ERROR)
for key, make in SAMPLERS:
    for name, function, sides, minimum in FUNCTIONS:
        times, left = [], []
        for seed in range(seeds if key != "gp" else min(seeds, 5)):
            try:
                left.append(run(function, sides, make(seed), 50, times, 10) - minimum)
            except ImportError as missing:  # the Gaussian process needs torch and SciPy
                print(f"{key}: needs {missing.name}")
                break
        if left:
            print(f"{key:7} {name:11} median regret after 50 trials {statistics.median(left):8.2g}, "
                  f"asking {1e3 * statistics.median(times):8.4f} ms", flush=True)
