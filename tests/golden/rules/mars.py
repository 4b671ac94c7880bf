"""MARS: AdamW or Lion on gradients whose variance is reduced by the one before."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, agreed, common, decay_ratio, decays, golden, mixed
from trajectory import norm

FILE = "mars.json"

DEFAULTS = {
    "lr": 3e-3,
    "betas": [0.95, 0.99],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "gamma": 0.025,
    "type": "adam_w",
    "amsgrad": False,
    "optimize_1d": False,
    "lr_1d_factor": 1.0,
    "betas_1d": [0.9, 0.95],
    "weight_decay_1d": 0.1,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        for p, g in advance(group):
            s = p.state
            reduced = p.value.ndim == 2 or o["optimize_1d"]
            b1, b2 = o["betas"] if reduced else o["betas_1d"]
            c = g
            if reduced:
                c = g + o["gamma"] * b1 / (1 - b1) * (g - s.get("q", 0.0))
                if norm(c) > 1:
                    c = c / norm(c)
            s["q"] = g.copy()
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * c
            s["v"] = y = b2 * s.get("v", 0.0) + (1 - b2) * c * c
            if reduced and o["amsgrad"]:
                s["x"] = y = np.maximum(s.get("x", 0.0), y)
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            if reduced and o["type"] == "lion":
                u = np.sign(m)
            else:
                u = m / ((np.sqrt(y) / math.sqrt(c2) + o["eps"]) * c1)
            lr = o["lr"] if reduced else o["lr"] * o["lr_1d_factor"]
            decay = o["weight_decay"] if reduced else o["weight_decay_1d"]
            decay = decay * decay_ratio(o) * agreed(o, u, p.value)
            p.value = p.value - lr * (decay + u)


RULES = {"mars": Rule("mars", DEFAULTS, step)}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("mars", "mars", {**at, "lr_1d_factor": 0.3},
                 (-0.8150412544582, -0.6549294414573, -0.2463804857579))
    yield golden("mars_1d", "mars", {**at, "optimize_1d": True, "amsgrad": True},
                 (-0.8220394038274, -0.7095764910797, -0.2914654362236))
    yield golden("mars_lion", "mars", {"lr": 0.01, "type": "lion", "lr_1d_factor": 0.3},
                 (-0.8159689431934, -0.6517041178255, -0.3014039587536))

    narrow = {"lr": 0.01, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3, "gamma": 0.1,
              "lr_1d_factor": 0.5, "weight_decay_1d": 0.2}
    yield from common("mars", narrow, {**narrow, "amsgrad": True, "betas_1d": [0.6, 0.8]}, 3001)
    for n, more in enumerate(({"optimize_1d": True}, {"type": "lion"},
                              {"type": "lion", "optimize_1d": True, "eps": 0.0})):
        yield mixed(f"mars: {more}", "mars", {**narrow, **more}, 3031 + 2 * n, missing=HOLES,
                    lr_scale=RATES)
    yield from decays("mars", {**narrow, "lr": 0.05}, 3041)



def verify(histories, near):
    pass
