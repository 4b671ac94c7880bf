"""ADOPT: gradients over the root of the second moment of those before, averaged afterwards."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, decays, golden, mixed

FILE = "adopt.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.9999],
    "eps": 1e-6,
    "clip_exponent": 0.25,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        b1, b2 = o["betas"]
        for p, g in advance(group, lambda p: p.t == 1):
            s = p.state
            if p.t == 1:
                s["v"], s["m"] = g * g, np.zeros_like(g)
                continue
            n = g / np.maximum(np.sqrt(s["v"]), o["eps"])
            if o["clip_exponent"] != "none":
                bound = (p.t - 1) ** o["clip_exponent"]
                n = np.clip(n, -bound, bound)
            s["m"] = b1 * s["m"] + (1 - b1) * n
            p.value = p.value - o["lr"] * s["m"]
            s["v"] = b2 * s["v"] + (1 - b2) * g * g


RULES = {"adopt": Rule("adopt", DEFAULTS, step)}


def cases():
    yield golden("adopt", "adopt", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8263070638938, -0.7707720186335, -0.3272946335587))
    yield golden("adopt_w", "adopt",
                 {"lr": 0.01, "weight_decay": 0.1, "decay_mode": "decoupled",
                  "clip_exponent": "none"},
                 (-0.8263070638938, -0.8354330729601, -0.2979562599287))

    at = {"lr": 0.02, "betas": [0.9, 0.95], "eps": 0.1, "weight_decay": 0.3}
    yield from common("adopt", at, {"lr": 0.01, "betas": [0.5, 0.8], "eps": 0.5,
                                    "clip_exponent": "none", "weight_decay": 0.2,
                                    "decay_mode": "decoupled"}, 2701)
    for n, exponent in enumerate((0.0, 1.0, "none")):
        yield mixed(f"adopt: clip exponent {exponent}, decoupled decay", "adopt",
                    {**at, "eps": 0.2, "clip_exponent": exponent, "decay_mode": "decoupled"},
                    2731 + 2 * n, missing=HOLES, lr_scale=RATES)
    yield from decays("adopt", {**at, "decay_mode": "decoupled"}, 2841)



def verify(histories, near):
    pass
