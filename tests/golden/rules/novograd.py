"""NovoGrad: a second moment for each tensor, of the norm of its gradient."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, golden, mixed

FILE = "novograd.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.95, 0.98],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decay_place": "in_update",
    "grad_averaging": False,
    "amsgrad": False,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), wd = o["lr"], o["betas"], o["weight_decay"]
        for p, g in advance(group):
            s = p.state
            n = float(np.sum(g * g))
            v = s.get("v", 0.0)
            s["v"] = y = n if v == 0 else b2 * v + (1 - b2) * n
            if o["amsgrad"]:
                s["x"] = y = max(s.get("x", 0.0), y)
            u = g / (math.sqrt(y) + o["eps"])
            if o["decay_place"] == "in_update":
                u = u + wd * p.value
            else:
                p.value = p.value * (1 - lr * wd)
            s["m"] = b1 * s.get("m", 0.0) + ((1 - b1) if o["grad_averaging"] else 1.0) * u
            p.value = p.value - lr * s["m"]


RULES = {"novograd": Rule("novograd", DEFAULTS, step)}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("novograd", "novograd", at, (-0.8263253487826, -0.7797311401368, 0.2711619713575))
    yield golden("novograd_x", "novograd",
                 {"lr": 0.05, "weight_decay": 0.1, "grad_averaging": True, "amsgrad": True,
                  "decay_place": "decoupled"},
                 (-0.8223866765625, -0.787053816759, -0.3366040942034))
    yield golden("novograd_o", "novograd", {**at, "betas": [0.9, 0.25], "eps": 1e-6},
                 (-0.8263253473504, -0.7656707933563, -0.03605299379081))

    narrow = {"lr": 0.02, "betas": [0.9, 0.8], "eps": 1e-3, "weight_decay": 0.1}
    yield from common("novograd", narrow, {**narrow, "amsgrad": True, "grad_averaging": True,
                                           "decay_place": "decoupled"}, 3201)
    for n, more in enumerate(({"amsgrad": True}, {"decay_place": "decoupled"},
                              {"grad_averaging": True, "betas": [0.5, 0.0]})):
        yield mixed(f"novograd: {more}", "novograd", {**narrow, **more}, 3231 + 2 * n,
                    missing=HOLES, lr_scale=RATES)


def verify(histories, near):
    pass
