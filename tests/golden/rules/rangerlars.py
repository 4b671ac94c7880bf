"""RangerLARS (Over9000) and Paratrooper: RAdam's direction, LARS's length, Lookahead."""

import math

import numpy as np

from rules import Rule, radam
from rules.ranger import looking_ahead
from trajectory import HOLES, MIXED_SHAPES, RATES, Case, drawn_rows, golden, mixed, narrow, norm

FILE = "rangerlars.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "alpha": 0.5,
    "k": 6,
    "slow_init": "initial",
    "trust_norm": "step",
    "norm_min": 0.0,
    "norm_max": 10.0,
    "clamp": "weight_norm",
    "maximize": False,
}
RHO = 5  # here the branch opens at it


def trust(p, direction, multiplier, o):
    """The ratio R; multiplier is r*B in the rectified branch, None in the other."""
    w = norm(p.value)
    if o["clamp"] == "weight_norm":
        w = min(max(w, o["norm_min"]), o["norm_max"])
    q = norm(direction if o["trust_norm"] == "step" else p.value - o["lr"] * direction)
    ratio = 1.0 if w == 0 or q == 0 else w / q
    if o["clamp"] == "weight_norm":
        return ratio
    return 1.0 if multiplier is None else max(1.0, min(1 / multiplier, ratio))


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), wd = o["lr"], o["betas"], o["weight_decay"]

        def move(p, g):
            s = p.state
            s["exp_avg"] = m = b1 * s.get("exp_avg", 0.0) + (1 - b1) * g
            s["exp_avg_sq"] = v = b2 * s.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
            rho, limit = radam.length(b2, p.t)
            if wd != 0:
                p.value = p.value * (1 - lr * wd)
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            direction, multiplier = m / c1, None
            if rho >= RHO:
                multiplier = radam.rectification(rho, limit) * math.sqrt(c2) / c1
                direction = multiplier * m / (np.sqrt(v) + o["eps"])
            p.value = p.value - lr * trust(p, direction, multiplier, o) * direction

        looking_ahead(group, move)


RULES = {"rangerlars": Rule("rangerlars", DEFAULTS, step)}


def cases():
    row = {"lr": 0.01, "weight_decay": 0.1}
    over9000 = {**row, "trust_norm": "updated_weights", "slow_init": "lazy"}
    # Without Lookahead: k is more than the steps.
    yield golden("ralamb", "rangerlars", {**over9000, "k": 100},
                 (-0.8105198170051, -0.7202213274117, -0.6235016621316))
    yield golden("rangerlars", "rangerlars", over9000,
                 (-0.8105198170051, -0.7202213274117, -0.6726397794982))
    yield golden("rangerlars_step", "rangerlars", row,
                 (-0.8182339273796, -0.7564529080655, -0.6033995282263))
    yield golden("paratrooper", "rangerlars", {**row, "clamp": "paratrooper"},
                 (-0.8108066284185, -0.7356646365821, -0.5855346290664))

    # Parameter 4 first has a gradient after the first synchronisation, parameter 0 has none at one.
    late = HOLES | {(3, 0), (6, 0)} | {(t, 4) for t in range(1, 5)}
    yield mixed("rangerlars: defaults, missing gradients", "rangerlars", {}, 1801, missing=late)
    yield mixed("rangerlars: two groups", "rangerlars",
                {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.4, "k": 3,
                 "alpha": 0.3, "norm_max": 0.9}, 1803, missing=late,
                second={"lr": 0.03, "betas": [0.6, 0.9], "eps": 0.1, "k": 2, "alpha": 0.8,
                        "slow_init": "lazy", "trust_norm": "updated_weights",
                        "clamp": "paratrooper", "maximize": True})
    at = {"lr": 0.03, "betas": [0.85, 0.98], "eps": 1e-3, "weight_decay": 0.3, "k": 3}
    n = 1805
    for clamp in ("weight_norm", "paratrooper"):
        for trust_norm in ("step", "updated_weights"):
            for slow_init in ("initial", "lazy"):
                yield mixed(f"rangerlars: {clamp}, {trust_norm}, {slow_init}, rate changes",
                            "rangerlars", {**at, "clamp": clamp, "trust_norm": trust_norm,
                                           "slow_init": slow_init, "norm_min": 2.0,
                                           "norm_max": 2.2}, n, missing=late, lr_scale=RATES,
                            record=(1, 3, 6, 12))
                n += 2
    some = HOLES - {(t, 2) for t in range(3, 61)}  # the scalar has gradients from the third step on
    for clamp in ("weight_norm", "paratrooper"):
        yield mixed(f"rangerlars: {clamp}, smallest and largest norm equal, maximize", "rangerlars",
                    {**at, "clamp": clamp, "norm_min": 1.5, "norm_max": 1.5, "maximize": True}, n,
                    missing=some)
        n += 2
    yield mixed("rangerlars: paratrooper in both branches, forty steps", "rangerlars",
                {**at, "betas": [0.9, 0.99], "k": 5, "clamp": "paratrooper"}, n, steps=40,
                missing=some, record=(1, 4, 7, 40))
    yield mixed("rangerlars: second beta too short to rectify", "rangerlars",
                {**at, "betas": [0.9, 0.6]}, n + 2, missing=some)
    yield mixed("rangerlars: alpha zero returns to the start", "rangerlars",
                {**at, "k": 4, "alpha": 0.0}, n + 4, missing=HOLES)
    yield mixed("rangerlars: zero gradients before the first and between others", "rangerlars", at,
                n + 6, zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    zeros = [np.zeros(shape) for shape in MIXED_SHAPES]
    for name, options in (("ratio one", {}), ("norm_min moves them", {"norm_min": 0.4}),
                          ("paratrooper", {"clamp": "paratrooper"})):
        yield Case(f"rangerlars: all-zero parameters, {name}", "rangerlars",
                   [({**at, **options}, zeros)],
                   drawn_rows(n + 8, MIXED_SHAPES, 8, zero={(1, 0), (2, 0)}), 8, (1, 2, 3, 8))
    yield mixed("rangerlars: rate zero moves nothing", "rangerlars",
                {"lr": 0.0, "weight_decay": 0.1, "k": 2}, n + 10, tolerance=0.0)
    yield from narrow("rangerlars", {"lr": 0.05, "betas": [0.9, 0.95], "eps": 1e-3, "k": 4,
                                     "weight_decay": 0.1}, n + 12)


def verify(histories, near):
    start = histories["rangerlars: alpha zero returns to the start"]
    for t in (4, 8, 12):
        for a, b in zip(start[0], start[t]):
            near("alpha zero returns to the start every k steps", a, b, 0.0)
