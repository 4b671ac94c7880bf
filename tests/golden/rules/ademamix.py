"""AdEMAMix: AdamW with a slow average beside the fast one."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, agreed, common, decay_ratio, decays, golden, mixed

FILE = "ademamix.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.999, 0.9999],
    "alpha": 2.0,
    "alpha_warmup": "none",
    "beta3_warmup": "none",
    "eps": 1e-8,
    "weight_decay": 0.0,
    "maximize": False,
}


def half_life(beta):
    return math.log(0.5) / math.log(beta + 1e-8) - 1


def step(groups):
    for group in groups:
        o = group.options
        b1, b2, b3 = o["betas"]
        for p, g in advance(group):
            slow, alpha = b3, o["alpha"]
            if o["beta3_warmup"] != "none" and p.t < o["beta3_warmup"]:
                part = p.t / o["beta3_warmup"]
                h = (1 - part) * half_life(b1) + part * half_life(b3)
                slow = 0.5 ** (1 / (h + 1))
            if o["alpha_warmup"] != "none":
                alpha *= min(p.t / o["alpha_warmup"], 1)
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            s["w"] = w = slow * s.get("w", 0.0) + (1 - slow) * g
            s["v"] = v = b2 * s.get("v", 0.0) + (1 - b2) * g * g
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            u = (m / c1 + alpha * w) / (np.sqrt(v) / math.sqrt(c2) + o["eps"])
            decay = o["weight_decay"] * decay_ratio(o) * agreed(o, u, p.value)
            p.value = p.value - o["lr"] * (u + decay)


RULES = {"ademamix": Rule("ademamix", DEFAULTS, step)}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("ademamix", "ademamix", at,
                 (-0.8220387255117, -0.710779225433, -0.3415331279517))
    yield golden("ademamix_w", "ademamix",
                 {"lr": 0.01, "alpha": 5.0, "alpha_warmup": 30, "beta3_warmup": 30},
                 (-0.8228640487882, -0.7179864222031, -0.3545384419609))

    narrow = {"lr": 0.01, "betas": [0.9, 0.95, 0.99], "eps": 1e-3, "weight_decay": 0.3}
    warm = {"alpha": 8.0, "alpha_warmup": 7, "beta3_warmup": 4.5}
    yield from common("ademamix", narrow, {**narrow, **warm, "betas": [0.5, 0.8, 0.999]}, 2501)
    for n, b1 in enumerate((0.0, 0.7)):
        yield mixed(f"ademamix: first beta {b1}, both warm-ups", "ademamix",
                    {**narrow, **warm, "betas": [b1, 0.9, 0.99]}, 2531 + 2 * n, missing=HOLES,
                    lr_scale=RATES)
    yield mixed("ademamix: without the slow average's part", "ademamix", {**narrow, "alpha": 0.0},
                2535, missing=HOLES)
    yield from decays("ademamix", {**narrow, **warm}, 2541)



def verify(histories, near):
    pass
