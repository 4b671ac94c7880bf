#!/usr/bin/env python3
"""Writes tune.json beside this script: what the searches of the room tune must decide, evaluated a
second time in NumPy and SciPy from the formulas of the papers.

    python3 generate.py            rewrites the file
    python3 generate.py --check    compares it with what lies on disk, to 1e-9
"""
import json
import math
import pathlib
import random
import sys

try:
    import numpy as np
    from scipy.special import erfcx, ndtr, ndtri
    from scipy.stats import qmc
except ImportError as missing:
    print(f"generate.py needs NumPy and SciPy: {missing}")
    sys.exit(77)  # the exit status by which test runners know a skipped test

FILE = pathlib.Path(__file__).with_name("tune.json")
TOLERANCE = 1e-9


def branin(u):
    x, y = -5 + 15 * u[0], 15 * u[1]
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x * x + c * x - 6)**2 + 10 * (1 - t) * math.cos(x) + 10


def hyperband(resource, eta):
    s_max = 0
    while eta**(s_max + 1) <= resource:
        s_max += 1
    tables = []
    for s in range(s_max, -1, -1):
        n = -(-(s_max + 1) * eta**s // (s + 1))
        tables.append([[n // eta**i, resource * eta**i / eta**s] for i in range(s + 1)])
    return {"resource": resource, "eta": eta, "brackets": tables}


def curves(seed, trials, steps):
    """Losses that cross each other: level + height decay^step, some of which end as NaN."""
    draw = random.Random(seed)
    table = []
    for number in range(trials):
        level, height, decay = draw.random(), 2 * draw.random(), 0.7 + 0.29 * draw.random()
        row = [level + height * decay**step for step in range(steps)]
        if number % 7 == 5:
            row[steps // 3:] = [math.nan] * (steps - steps // 3)
        table.append(row)
    return table


def shown(table):
    return [[x if math.isfinite(x) else "nan" for x in row] for row in table]


def halving(rounds, table):
    """How many steps each trial makes."""
    steps = [0] * len(table)
    among = list(range(len(table)))
    for i, (_, resource) in enumerate(rounds):
        for trial in among:
            steps[trial] = math.ceil(resource)
        if i + 1 == len(rounds):
            break
        def worth(trial):
            value = table[trial][math.ceil(resource) - 1]
            return (value if math.isfinite(value) else math.inf, trial)
        kept = sorted(among, key=worth)[:rounds[i + 1][0]]
        among = [trial for trial in kept if worth(trial)[0] < math.inf]
    return steps


def asha(table, min_resource, eta, bracket):
    rungs, steps = {}, []
    for row in table:
        made = len(row)
        for step, value in enumerate(row):
            done, rung = step + 1, min_resource * eta**bracket
            while rung < done:
                rung *= eta
            if rung != done:
                continue
            recorded = rungs.setdefault(rung, [])
            recorded.append(value if math.isfinite(value) else math.inf)
            k = max(1, len(recorded) // eta)
            if not math.isfinite(value) or value > sorted(recorded)[k - 1]:
                made = done
                break
        steps.append(made)
    return steps


class Parzen:
    def __init__(self, observations, dimensions):
        n = len(observations)
        x = np.array(observations).reshape(n, dimensions)
        self.mu = np.vstack([x, np.full((1, dimensions), 0.5)])
        self.sigma = np.ones_like(self.mu)
        least = 1 / min(100, 1 + (n + 1))
        for d in range(dimensions):
            order = np.argsort(x[:, d], kind="stable")
            s = np.concatenate([[0], x[order, d], [1]])
            gaps = np.maximum(s[1:-1] - s[:-2], s[2:] - s[1:-1])
            if n >= 2:
                gaps[0], gaps[-1] = s[2] - s[1], s[-2] - s[-3]
            self.sigma[order, d] = np.clip(gaps, least, 1)
        old = max(n - 25, 0)
        weights = np.concatenate([np.linspace(1 / max(n, 1), 1, old), np.ones(n - old), [1]])
        self.weights = weights / weights.sum()
        self.lo = ndtr(-self.mu / self.sigma)
        self.mass = ndtr((1 - self.mu) / self.sigma) - self.lo

    def draw(self, uniform):
        kernel = int(np.searchsorted(np.cumsum(self.weights), uniform(), side="right"))
        kernel = min(kernel, len(self.weights) - 1)
        return [float(np.clip(self.mu[kernel, d] + self.sigma[kernel, d] *
                              ndtri(self.lo[kernel, d] + uniform() * self.mass[kernel, d]), 0, 1))
                for d in range(self.mu.shape[1])]

    def log_density(self, point):
        z = (np.array(point) - self.mu) / self.sigma
        density = np.exp(-z * z / 2) / (self.sigma * math.sqrt(2 * math.pi) * self.mass)
        return math.log(float(self.weights @ density.prod(axis=1)))


def tpe(trials):
    draw = random.Random(11)
    stream = []

    def uniform():
        stream.append(draw.random())
        return stream[-1]

    points, values = [], []
    for number in range(trials):
        if number < 10:
            point = [uniform(), uniform()]
        else:
            order = sorted(range(number), key=lambda i: values[i])
            best = set(order[:min(math.ceil(0.1 * number), 25)])
            below = Parzen([points[i] for i in range(number) if i in best], 2)
            above = Parzen([points[i] for i in range(number) if i not in best], 2)
            candidates = [below.draw(uniform) for _ in range(24)]
            point = max(candidates, key=lambda c: below.log_density(c) - above.log_density(c))
        points.append(point)
        values.append(branin(point))
    return {"stream": stream, "points": points, "values": values}


def weights():
    return {str(n): list(np.concatenate([np.linspace(1 / n, 1, max(n - 25, 0)), np.ones(min(n, 25))]))
            for n in (1, 25, 26, 27, 40)}


def gaussian_process():
    """Means, variances and improvements at 20 points, some of which lie far below the best."""
    draw = np.random.RandomState(5)
    x, at = draw.rand(12, 3), draw.rand(20, 3)
    at[0] = x[3]
    lists = [False, False, True]
    x[:, 2], at[:, 2] = np.round(x[:, 2]), np.round(at[:, 2])
    y = np.sin(5 * x[:, 0]) + x[:, 1]**2 - x[:, 2]
    w, scale, noise = np.array([3.0, 0.7, 0.4]), 1.3, 2e-3

    def kernel(a, b):
        square = (a[:, None, :] - b[None, :, :])**2
        square[:, :, 2] = square[:, :, 2] != 0
        d = np.sqrt(5 * (square @ w))
        return scale * np.exp(-d) * (d * d / 3 + d + 1)

    k = kernel(x, x) + noise * np.eye(12)
    cross = kernel(at, x)
    mean = cross @ np.linalg.solve(k, y)
    variance = scale - np.einsum("ij,ji->i", cross, np.linalg.solve(k, cross.T))
    loss = 0.5 * y @ np.linalg.solve(k, y) + 0.5 * np.linalg.slogdet(k)[1] + 6 * math.log(2 * math.pi)
    loss -= -np.sum(0.1 / w + 0.1 * w) + math.log(scale) - scale + 0.1 * math.log(noise) - 30 * noise
    improvements = []
    for best in (float(y.max()), 9.0):
        for m, v in zip(mean, variance):
            sigma = math.sqrt(v + 1e-12)
            z = (m - best) / sigma
            if z < -25:
                log_h = (-z * z / 2 - math.log(math.sqrt(2 * math.pi)) +
                         math.log1p(math.sqrt(math.pi / 2) * z * erfcx(-z / math.sqrt(2))))
            else:
                log_h = math.log(z * ndtr(z) + math.exp(-z * z / 2) / math.sqrt(2 * math.pi))
            improvements.append([best, log_h + math.log(sigma)])
    assert any(m < 9 - 25 * math.sqrt(v) for m, v in zip(mean, variance))
    return {"x": x.tolist(), "y": y.tolist(), "lists": lists, "weights": w.tolist(), "scale": scale,
            "noise": noise, "at": at.tolist(), "mean": mean.tolist(), "variance": variance.tolist(),
            "loss": float(loss), "log_improvement": improvements}


def valleys():
    """The index that fastai's `valley` takes of losses: of the longest falling subsequence."""
    def valley(losses):
        length = []  # of the longest that ends at each
        for i, loss in enumerate(losses):
            length.append(1 + max((length[j] for j in range(i) if losses[j] > loss), default=0))
        most = max(length)
        return max(length.index(most) - most + most // 3 + most // 6, 0)

    draw = random.Random(4)
    falls = [[float(-i) for i in range(89)]]
    for n in (20, 40, 60, 89, 120):
        lowest = draw.uniform(0.3, 0.9) * n
        falls.append([abs(i - lowest) / n + 0.3 * draw.random() for i in range(n)])
    return [{"losses": losses, "valley": valley(losses)} for losses in falls]


def everything():
    table = curves(3, 81, 81)
    rounds = hyperband(81, 3)["brackets"][0]
    return {
        "hyperband": [hyperband(81, 3), hyperband(100, 3), hyperband(16, 4), hyperband(1, 3)],
        "curves": shown(table),
        "halving": halving(rounds, table),
        "asha": [{"min_resource": r, "eta": eta, "bracket": s, "steps": asha(table, r, eta, s)}
                 for r, eta, s in ((1, 4, 0), (2, 3, 1))],
        "parzen_weights": weights(),
        "tpe": tpe(30),
        "valleys": valleys(),
        "sobol": qmc.Sobol(32, scramble=False).random(64).tolist(),
        "gaussian_process": gaussian_process(),
    }


def differ(a, b, where=""):
    """Where two values differ, or ""."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        pairs = [(a[key], b[key], f"{where}.{key}") for key in a]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b))]
    elif isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return "" if abs(a - b) <= TOLERANCE * max(1, abs(a)) else f"{where}: {a} and {b}"
    else:
        return "" if a == b else f"{where}: {a} and {b}"
    return next((found for found in (differ(*pair) for pair in pairs) if found), "")


assert abs(branin([(math.pi + 5) / 15, 2.275 / 15]) - 0.397887357729738) < 1e-12
assert hyperband(81, 3)["brackets"][1] == [[34, 3], [11, 9], [3, 27], [1, 81]]
made = json.loads(json.dumps(everything()))
if sys.argv[1:] == ["--check"]:
    sys.exit(differ(made, json.loads(FILE.read_text())) or 0)
FILE.write_text(json.dumps(made, indent=None, separators=(",", ":")).replace('],"', '],\n"') + "\n")
