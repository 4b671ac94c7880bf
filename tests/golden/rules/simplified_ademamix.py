"""Simplified AdEMAMix: the gradient beside a sum of gradients."""

import numpy as np

from rules import Rule
from trajectory import advance, agreed, common, decay_ratio, decays, golden

FILE = "simplified_ademamix.json"

DEFAULTS = {
    "lr": 1e-5,
    "betas": [0.99, 0.95],
    "alpha": 0.0,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        b1, b2 = o["betas"]
        for p, g in advance(group):
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + g
            s["v"] = v = b2 * s.get("v", 0.0) + (1 - b2) * g * g
            u = (o["alpha"] * g + m) / (np.sqrt(v / (1 - b2**p.t)) + o["eps"])
            decay = o["weight_decay"] * decay_ratio(o) * agreed(o, u, p.value)
            p.value = p.value - o["lr"] * (u + decay)


RULES = {"simplified_ademamix": Rule("simplified_ademamix", DEFAULTS, step)}


def cases():
    yield golden("simplified_ademamix", "simplified_ademamix", {"lr": 1e-4},
                 (-0.8262726504633, -0.8204146404951, -0.650602488631))
    yield golden("simplified_ademamix_x", "simplified_ademamix",
                 {"lr": 3e-4, "betas": [0.95, 0.9], "alpha": 10.0, "weight_decay": 0.1},
                 (-0.8251466314755, -0.7742596233241, -0.5157334355723))
    yield from common("simplified_ademamix",
                      {"lr": 0.003, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3},
                      {"lr": 0.002, "betas": [0.5, 0.8], "alpha": 3.0, "weight_decay": 0.2}, 2601)
    yield from decays("simplified_ademamix",
                      {"lr": 0.003, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.9}, 2631)



def verify(histories, near):
    pass
