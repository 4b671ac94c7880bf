"""D-Adaptation's AdamW: its rate is a lower bound of how far the solution is."""

import math

import numpy as np

from rules import Rule
from rules.prodigy import decayed, live, rates
from trajectory import HOLES, RATES, golden, mixed, narrow

FILE = "dadapt_adamw.json"

DEFAULTS = {
    "lr": 1.0,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "bias_correction": False,
    "d0": 1e-6,
    "growth_rate": math.inf,
    "layer_scale": 1.0,
    "maximize": False,
}


def step(groups):
    first = groups[0].options
    wide = groups[0].__dict__.setdefault("wide", {"d": first["d0"], "n": 0.0, "k": 0})
    root = math.sqrt(first["betas"][1])
    num, length, moved = 0.0, 0.0, []
    for o, p, g in live(groups):
        b1, b2 = o["betas"]
        s, rate, q = p.state, rates(o, wide), o["layer_scale"]
        before = s.get("s", np.zeros_like(g))
        num += q * rate * float(np.sum(g * before / (np.sqrt(s.get("v", 0.0)) + o["eps"])))
        s["m"] = b1 * s.get("m", 0.0) + q * rate * (1 - b1) * g
        s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * g * g
        s["s"] = root * before + rate * (1 - root) * g
        length += q * float(np.sum(np.abs(s["s"])))
        moved.append((o, p, rate))
    if length == 0:
        return
    wide["n"] = root * wide["n"] + (1 - root) * num
    found = wide["n"] / ((1 - root) * length)
    for o, p, rate in moved:
        p.value = decayed(o, rate, p.value) - p.state["m"] / (np.sqrt(p.state["v"]) + o["eps"])
    wide["d"] = max(wide["d"], min(found, wide["d"] * first["growth_rate"]))
    wide["k"] += 1


RULES = {"dadapt_adamw": Rule("dadapt_adamw", DEFAULTS, step)}


def cases():
    row = lambda name, options, numbers, **more: golden(name, "dadapt_adamw", options, numbers,
                                                        **more)
    yield row("dadapt", {"weight_decay": 0.1},
              (-0.82630589299, -0.5670342133246, 0.1301821639996), tolerance=1e-9)
    yield row("dadapt_bc", {"weight_decay": 0.1, "bias_correction": True},
              (-0.8263066936215, -0.8259962688625, -0.07068720258369), tolerance=1e-9)
    yield row("dadapt_x", {"weight_decay": 0.1, "bias_correction": True, "d0": 1e-4,
                           "growth_rate": 1.5},
              (-0.8262700366641, -0.8217683890256, -0.09075314401948))
    yield row("dadapt_l2", {"weight_decay": 0.1, "decay_mode": "coupled"},
              (-0.8263059756278, -0.5845777775403, -1.750063967809), tolerance=1e-9)

    at = {"lr": 0.5, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.3, "d0": 0.01,
          "growth_rate": 1.3}
    coupled = {**at, "decay_mode": "coupled", "bias_correction": True}

    def each(name, options, seed, **more):
        return mixed(f"dadapt_adamw: {name}", "dadapt_adamw", options, seed, **more)

    yield each("defaults, missing gradients", {}, 3401, missing=HOLES)
    yield each("two groups", at, 3403, missing=HOLES,
               second={**at, "weight_decay": 0.1, "layer_scale": 0.5})
    yield each("a group that rests", at, 3405, missing=HOLES, second={**at, "lr": 0.0})
    yield each("rate changes", at, 3407, missing=HOLES, lr_scale=RATES)
    yield each("maximize, rate changes", {**coupled, "maximize": True}, 3409, missing=HOLES,
               lr_scale=RATES)
    yield each("zero gradients before the first and between others", at, 3411,
               zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield each("rate zero moves nothing", {**at, "lr": 0.0}, 3413, tolerance=0.0)
    yield from narrow("dadapt_adamw", at, 3415, (1e-5, 1e-1, 1e-2))


def verify(histories, near):
    pass
