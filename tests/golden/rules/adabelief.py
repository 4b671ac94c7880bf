"""AdaBelief: Adam whose denominator measures how far gradients are from their average."""

import math

import numpy as np

from rules import Rule
from rules.radam import length, rectification
from trajectory import HOLES, RATES, advance, common, golden, mixed

FILE = "adabelief.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-16,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "fixed_decay": False,
    "rectify": True,
    "degenerate_to_sgd": True,
    "amsgrad": False,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), eps = o["lr"], o["betas"], o["eps"]
        for p, g in advance(group, lambda p: o["fixed_decay"]):
            if o["fixed_decay"]:
                p.value = p.value * (1 - o["weight_decay"])
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            s["s"] = v = b2 * s.get("s", 0.0) + (1 - b2) * (g - m) ** 2 + eps
            s["x"] = np.maximum(s.get("x", 0.0), v)
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            if not o["rectify"]:
                y = s["x"] if o["amsgrad"] else v
                p.value = p.value - lr / c1 * m / (np.sqrt(y) / math.sqrt(c2) + eps)
                continue
            rho, limit = length(b2, p.t)
            if rho >= 5:
                r = rectification(rho, limit)
                p.value = p.value - lr * r * math.sqrt(c2) / c1 * m / (np.sqrt(v) + eps)
            elif o["degenerate_to_sgd"]:
                p.value = p.value - lr * m / c1


RULES = {"adabelief": Rule("adabelief", DEFAULTS, step)}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1}
    plain = {**at, "eps": 1e-8, "rectify": False}
    yield golden("adabelief", "adabelief", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8108066284185, -0.7207437379276, -0.5505474798027))
    yield golden("adabelief_nr", "adabelief", plain,
                 (-0.8215987557678, -0.6751975496173, -0.01121088894212))
    yield golden("adabelief_ams", "adabelief",
                 {**plain, "amsgrad": True, "decay_mode": "coupled"},
                 (-0.8224517467267, -0.683111607177, -0.0173077617045))

    narrow = {"lr": 0.03, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3}
    yield from common("adabelief", narrow,
                      {"lr": 0.02, "betas": [0.8, 0.9], "eps": 1e-2, "weight_decay": 0.2,
                       "decay_mode": "coupled", "rectify": False, "amsgrad": True}, 2001)
    for n, decay in enumerate(({"decay_mode": "coupled"}, {}, {"fixed_decay": True})):
        yield mixed(f"adabelief: no step before the rectification is known, {decay}", "adabelief",
                    {**narrow, **decay, "weight_decay": 0.05, "degenerate_to_sgd": False},
                    2031 + 2 * n, missing=HOLES, lr_scale=RATES, record=(1, 4, 7, 12))
    yield mixed("adabelief: amsgrad does not reach the rectified step", "adabelief",
                {**narrow, "amsgrad": True}, 2041, missing=HOLES)
    yield mixed("adabelief: second beta too short to rectify", "adabelief",
                {**narrow, "betas": [0.9, 0.6]}, 2043, missing=HOLES)


def verify(histories, near):
    pass
