"""StableAdamW: AdamW with a rate that falls where gradients outgrow their second moment."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, golden, mixed

FILE = "stable_adamw.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.99],
    "eps": 1e-6,
    "weight_decay": 1e-2,
    "decay_scale": "lr",
    "max_lr": "none",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        (b1, b2), eps = o["betas"], o["eps"]
        if o["max_lr"] == "none":
            o["max_lr"] = o["lr"]  # of the first step, which no case begins with another rate
        for p, g in advance(group):
            h1, h2 = ((b**p.t - b) / (b**p.t - 1) for b in (b1, b2))
            s = p.state
            s["m"] = m = h1 * s.get("m", 0.0) + (1 - h1) * g
            s["v"] = v = h2 * s.get("v", 0.0) + (1 - h2) * g * g
            if g.size == 0:
                continue
            large = float(np.mean(g * g / np.maximum(v, eps**2)))
            lr = o["lr"] / max(1.0, np.sqrt(large))
            part = lr if o["decay_scale"] == "lr" else lr / o["max_lr"]
            p.value = p.value * (1 - part * o["weight_decay"]) - lr * m / (np.sqrt(v) + eps)


RULES = {"stable_adamw": Rule("stable_adamw", DEFAULTS, step)}


def cases():
    yield golden("stable_adamw", "stable_adamw", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8220391594006, -0.7075858773402, -0.3375561683729))
    yield golden("stable_adamw_ind", "stable_adamw",
                 {"lr": 0.01, "weight_decay": 0.001, "decay_scale": "independent", "max_lr": 0.02},
                 (-0.8224523129325, -0.7115045284236, -0.3524204045739))

    at = {"lr": 0.03, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3}
    yield from common("stable_adamw", at,
                      {"lr": 0.02, "betas": [0.5, 0.9], "eps": 1e-2, "weight_decay": 0.05,
                       "decay_scale": "independent", "max_lr": 0.05}, 3101)
    yield mixed("stable_adamw: max_lr is the rate at the start", "stable_adamw",
                {**at, "weight_decay": 0.02, "decay_scale": "independent"}, 3131, missing=HOLES,
                lr_scale=RATES)
    yield mixed("stable_adamw: a long memory of squares meets large gradients", "stable_adamw",
                {**at, "betas": [0.9, 0.999]}, 3133, missing=HOLES,
                zero={(t, p) for t in (1, 2, 3, 8) for p in range(5)})


def verify(histories, near):
    pass
