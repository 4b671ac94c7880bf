"""Yogi: Adam whose second moment moves by a bounded amount towards the square of the gradient."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, advance, common, golden, mixed

FILE = "yogi.json"

DEFAULTS = {
    "lr": 1e-2,
    "betas": [0.9, 0.999],
    "eps": 1e-3,
    "initial_accumulator_value": 1e-6,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        (b1, b2), first = o["betas"], o["initial_accumulator_value"]
        for p, g in advance(group):
            s = p.state
            s["m"] = m = b1 * s.get("m", first) + (1 - b1) * g
            v = s.get("v", first)
            s["v"] = v = v - (1 - b2) * np.sign(v - g * g) * g * g
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            p.value = p.value - o["lr"] * (m / c1) / (np.sqrt(v) / math.sqrt(c2) + o["eps"])


RULES = {"yogi": Rule("yogi", DEFAULTS, step)}


def cases():
    yield golden("yogi", "yogi", {"lr": 0.01},
                 (-0.8200484772098, -0.7167359165288, -0.3788335768605))
    yield golden("yogi_x", "yogi",
                 {"lr": 0.01, "initial_accumulator_value": 1e-3, "weight_decay": 0.1},
                 (-0.822914016975, -0.747269624988, -0.3647574941462))

    at = {"lr": 0.03, "betas": [0.9, 0.95], "initial_accumulator_value": 0.25, "weight_decay": 0.3}
    yield from common("yogi", at, {"lr": 0.02, "betas": [0.8, 0.9], "eps": 1e-2,
                                   "weight_decay": 0.2, "decay_mode": "coupled"}, 2101)
    yield mixed("yogi: starts at zero", "yogi", {**at, "initial_accumulator_value": 0.0}, 2131,
                missing=HOLES)


def verify(histories, near):
    pass
