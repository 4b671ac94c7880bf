"""LaProp: gradients over the root of their second moment, averaged afterwards."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, golden, mixed

FILE = "laprop.json"

DEFAULTS = {
    "lr": 4e-4,
    "betas": [0.9, 0.999],
    "eps": 1e-15,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "lr_in_average": True,
    "amsgrad": False,
    "centered": False,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2) = o["lr"], o["betas"]
        for p, g in advance(group):
            s = p.state
            s["v"] = y = b2 * s.get("v", 0.0) + (1 - b2) * g * g
            if o["centered"]:
                s["a"] = a = b2 * s.get("a", 0.0) + (1 - b2) * g
                if p.t > 10:
                    y = y - a * a
            if o["amsgrad"] and not (o["centered"] and p.t <= 10):
                s["x"] = y = np.maximum(s.get("x", 0.0), y)
            u = g / (np.sqrt(y / (1 - b2**p.t)) + o["eps"])
            if o["lr_in_average"]:
                s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * lr * u
                s["L"] = b1 * s.get("L", 0.0) + (1 - b1) * lr
                if s["L"] != 0:
                    p.value = p.value - lr / s["L"] * m
            else:
                s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * u
                p.value = p.value - lr * m / (1 - b1**p.t)


RULES = {"laprop": Rule("laprop", DEFAULTS, step)}


def cases():
    falling = [0.97 ** (t - 1) for t in range(1, 61)]
    yield golden("laprop", "laprop", {"lr": 0.01},
                 (-0.8228657234138, -0.7137389485713, -0.3788032013117))
    yield golden("laprop_sched", "laprop", {"lr": 0.01},
                 (-0.8228657234138, -0.7287544455355, -0.5772257215942), lr_scale=falling)
    yield golden("laprop_cen", "laprop",
                 {"lr": 0.01, "eps": 1e-4, "centered": True, "amsgrad": True},
                 (-0.8228401130069, -0.7137130239376, -0.3744923366456))
    yield golden("laprop_out", "laprop",
                 {"lr": 0.01, "eps": 1e-8, "weight_decay": 0.1, "lr_in_average": False},
                 (-0.8220394137803, -0.7217091778009, -0.5621536574066), lr_scale=falling)

    at = {"lr": 0.02, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3}
    yield from common("laprop", at, {"lr": 0.03, "betas": [0.5, 0.8], "eps": 1e-2,
                                     "weight_decay": 0.2, "decay_mode": "coupled",
                                     "amsgrad": True, "lr_in_average": False}, 2401)
    for n, amsgrad in enumerate((False, True)):
        yield mixed(f"laprop: centered, amsgrad {amsgrad}", "laprop",
                    {**at, "centered": True, "amsgrad": amsgrad}, 2431 + 2 * n, steps=20,
                    missing=HOLES, record=(1, 10, 11, 12, 20))
    yield mixed("laprop: a rate of zero in the first steps", "laprop", at, 2435, missing=HOLES,
                lr_scale=[0, 0, *RATES[:10]])


def verify(histories, near):
    pass
