"""Grams: the size of Adam's step with the sign of the gradient."""

import math

import numpy as np

from rules import Rule
from trajectory import advance, common, golden

FILE = "grams.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-6,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        b1, b2 = o["betas"]
        for p, g in advance(group):
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            s["v"] = v = b2 * s.get("v", 0.0) + (1 - b2) * g * g
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            size = np.abs(m / c1) / (np.sqrt(v) / math.sqrt(c2) + o["eps"])
            p.value = p.value - o["lr"] * np.sign(g) * size


RULES = {"grams": Rule("grams", DEFAULTS, step)}


def cases():
    yield golden("grams", "grams", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8220391594006, -0.6984890105057, -0.3461567502052))
    yield from common("grams", {"lr": 0.02, "betas": [0.9, 0.95], "eps": 1e-3,
                                "weight_decay": 0.3},
                      {"lr": 0.03, "betas": [0.5, 0.8], "weight_decay": 0.2,
                       "decay_mode": "coupled"}, 2301)


def verify(histories, near):
    pass
