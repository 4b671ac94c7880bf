"""CAME: Adafactor whose steps are divided by how far they are from their average."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, golden, mixed, norm

FILE = "came.json"

DEFAULTS = {
    "lr": 2e-4,
    "betas": [0.9, 0.999, 0.9999],
    "eps1": 1e-30,
    "eps2": 1e-16,
    "clip_threshold": 1.0,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "maximize": False,
}


def factored(s, names, x, beta):
    for name, axis in zip(names, (-1, -2)):
        s[name] = beta * s.get(name, 0.0) + (1 - beta) * np.mean(x, axis=axis)
    rows, columns = (s[name] for name in names)
    scale = 1 / np.sqrt(rows / np.mean(rows, axis=-1, keepdims=True))
    return scale[..., :, None] / np.sqrt(columns)[..., None, :]


def step(groups):
    for group in groups:
        o = group.options
        b1, b2, b3 = o["betas"]
        for p, g in advance(group):
            if g.size == 0:
                continue
            s = p.state
            x = g * g + o["eps1"]
            if g.ndim >= 2:
                u = g * factored(s, "RC", x, b2)
            else:
                s["V"] = b2 * s.get("V", 0.0) + (1 - b2) * x
                u = g / np.sqrt(s["V"])
            u = u / max(1.0, norm(u) / (math.sqrt(g.size) * o["clip_threshold"]))
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * u
            if g.ndim >= 2:
                m = m * factored(s, "rc", (u - m) ** 2 + o["eps2"], b3)
            p.value = p.value - o["lr"] * m


RULES = {"came": Rule("came", DEFAULTS, step)}


def cases():
    yield golden("came", "came", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.5640783240586, 1.276502157519, 0.1961612885927))
    yield golden("came_x", "came",
                 {"lr": 0.02, "betas": [0.8, 0.95, 0.9], "clip_threshold": 0.5},
                 (-0.7916512105695, 0.08394463421054, 0.220799952049))

    at = {"lr": 0.01, "betas": [0.9, 0.95, 0.9], "eps1": 1e-3, "eps2": 1e-3, "weight_decay": 0.3}
    yield from common("came", at, {**at, "clip_threshold": 0.5, "decay_mode": "coupled",
                                   "betas": [0.5, 0.8, 0.95]}, 3401, (5e-6, 5e-2, 1e-2))
    yield mixed("came: many matrices in one tensor", "came", at, 3431,
                shapes=((2, 3, 4), (2, 1, 3, 2), (1, 1)), missing={(3, 1)}, lr_scale=RATES)
    yield mixed("came: clips hardly ever", "came", {**at, "clip_threshold": 100.0}, 3433,
                missing=HOLES)


def verify(histories, near):
    pass
