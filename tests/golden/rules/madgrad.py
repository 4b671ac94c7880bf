"""MADGRAD: dual averaging over a cube root, with momentum."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, golden, mixed

FILE = "madgrad.json"

DEFAULTS = {
    "lr": 1e-2,
    "momentum": 0.9,
    "eps": 1e-6,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        mu, eps = o["momentum"], o["eps"]
        rate = 0.0 if o["lr"] == 0 else o["lr"] + eps

        def way(s):
            d = np.cbrt(s["v"]) + eps
            return np.where(d > 0, s["s"] / np.where(d > 0, d, 1.0), 0.0)

        for p, g in advance(group, lambda p: True):
            s = p.state
            if not s:
                s.update(v=np.zeros_like(g), s=np.zeros_like(g), x0=p.value.copy())
            start = s["x0"] if mu > 0 else p.value + way(s)
            k = rate * math.sqrt(p.t)
            s["v"] = s["v"] + k * g * g
            s["s"] = s["s"] + k * g
            moved = mu * p.value + (1 - mu) * (start - way(s))
            if o["decay_mode"] == "decoupled":
                moved = moved - rate * o["weight_decay"] * p.value
            p.value = p.value.copy() if rate == 0 and not s["s"].any() else moved


RULES = {"madgrad": Rule("madgrad", DEFAULTS, step)}


def cases():
    at = {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1}
    yield golden("madgrad", "madgrad", {"lr": 0.01},
                 (-0.822962382526, -0.6515620128316, -0.06804476416164))
    yield golden("madgrad_x", "madgrad", at,
                 (-0.8065325987926, -0.06211696835685, -0.0451925320993))
    yield golden("madgrad_dec", "madgrad", {**at, "decay_mode": "decoupled"},
                 (-0.8026167334749, -0.06379705650109, -0.04508689992155))
    yield golden("madgrad_mu0", "madgrad", {"lr": 0.05, "momentum": 0.0},
                 (-0.7285135015499, 0.02979947226728, -0.02131668559574))

    yield from common("madgrad", {"lr": 0.02, "momentum": 0.7, "eps": 1e-3, "weight_decay": 0.3},
                      {"lr": 0.03, "momentum": 0.5, "eps": 0.1, "weight_decay": 0.2,
                       "decay_mode": "decoupled"}, 2801, (4e-6, 5e-2, 1e-2))
    for n, decay_mode in enumerate(("coupled", "decoupled")):
        yield mixed(f"madgrad: no momentum, decay {decay_mode}", "madgrad",
                    {**at, "momentum": 0.0, "decay_mode": decay_mode}, 2831 + 2 * n,
                    missing=HOLES, lr_scale=RATES)
    yield mixed("madgrad: no eps, zero gradients", "madgrad", {**at, "eps": 0.0}, 2835,
                zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})


def verify(histories, near):
    pass
