"""Prodigy: AdamW whose rate is found from how far the weights have come."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, mixed, narrow

FILE = "prodigy.json"

DEFAULTS = {
    "lr": 1.0,
    "betas": [0.9, 0.999],
    "beta3": "none",
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "bias_correction": False,
    "safeguard_warmup": False,
    "d0": 1e-6,
    "d_coef": 1.0,
    "growth_rate": math.inf,
    "slice_p": 1,
    "maximize": False,
}


def live(groups):
    """(options, parameter, gradient) of all groups that do not rest; the decay is the rule's own."""
    for group in groups:
        o = group.options
        if o["lr"] == 0:
            continue
        plain = {**o, "weight_decay": o["weight_decay"] if o["decay_mode"] == "coupled" else 0.0}
        group.options = plain
        for p, g in advance(group):
            yield o, p, g
        group.options = o


def rates(o, wide):
    b1, b2 = o["betas"]
    k = wide["k"] + 1
    bias = math.sqrt(1 - b2**k) / (1 - b1**k) if o["bias_correction"] else 1.0
    return wide["d"] * o["lr"] * bias


def decayed(o, rate, value):
    return value * (1 - o["weight_decay"] * rate) if o["decay_mode"] == "decoupled" else value


def step(groups):
    first = groups[0].options
    wide = groups[0].__dict__.setdefault(
        "wide", {"d": first["d0"], "d_max": first["d0"], "num": 0.0, "k": 0})
    b3 = math.sqrt(first["betas"][1]) if first["beta3"] == "none" else first["beta3"]
    d, d0 = wide["d"], first["d0"]
    num, den, moved = b3 * wide["num"], 0.0, []
    for o, p, g in live(groups):
        b1, b2 = o["betas"]
        s, rate = p.state, rates(o, wide)
        s.setdefault("p0", p.value.copy())
        counts = (np.arange(g.size) % first["slice_p"] == 0).reshape(g.shape)
        num += d / d0 * rate * float(np.sum(counts * g * (s["p0"] - p.value)))
        s["m"] = b1 * s.get("m", 0.0) + d * (1 - b1) * g
        s["v"] = b2 * s.get("v", 0.0) + d * d * (1 - b2) * g * g
        s["s"] = b3 * s.get("s", 0.0) + d / d0 * (d if o["safeguard_warmup"] else rate) * counts * g
        den += float(np.sum(np.abs(s["s"])))
        moved.append((o, p, g, rate))
    if den == 0:
        return
    found = first["d_coef"] * num / den
    new = max(d, found) if d == d0 else d
    wide["d_max"] = max(wide["d_max"], found)
    new = min(wide["d_max"], new * first["growth_rate"])
    for o, p, g, rate in moved:
        m = p.state["m"] if o["betas"][0] > 0 else new * g
        p.value = decayed(o, rate, p.value) - rate * m / (np.sqrt(p.state["v"]) + new * o["eps"])
    wide.update(d=new, num=num, k=wide["k"] + 1)


RULES = {"prodigy": Rule("prodigy", DEFAULTS, step)}


def cases():
    yield golden("prodigy", "prodigy", {"weight_decay": 0.1},
                 (-0.82630589299, -0.8086188943902, -0.4276303293096), tolerance=1e-9)
    yield golden("prodigy_bc", "prodigy",
                 {"bias_correction": True, "safeguard_warmup": True, "d_coef": 2.0},
                 (-0.8263067197517, -0.8262955023687, 0.5167930512029), tolerance=1e-9)

    at = {"lr": 0.5, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.3, "d0": 0.01}
    coupled = {**at, "decay_mode": "coupled", "bias_correction": True, "growth_rate": 1.5}

    def each(name, options, seed, **more):
        return mixed(f"prodigy: {name}", "prodigy", options, seed, **more)

    yield each("defaults, missing gradients", {}, 3301, missing=HOLES)
    yield each("two groups", at, 3303, missing=HOLES, second={**at, "weight_decay": 0.1})
    yield each("a group that rests", at, 3305, missing=HOLES, second={**at, "lr": 0.0})
    yield each("rate changes", at, 3307, missing=HOLES, lr_scale=RATES)
    yield each("maximize, rate changes", {**coupled, "maximize": True}, 3309, missing=HOLES,
               lr_scale=RATES)
    yield each("no momentum", {**at, "betas": [0.0, 0.9], "beta3": 0.7}, 3311, missing=HOLES)
    yield each("safeguard", {**coupled, "safeguard_warmup": True}, 3313, missing=HOLES,
               lr_scale=RATES)
    yield each("every third entry counts", {**at, "slice_p": 3}, 3321, missing=HOLES)
    yield each("zero gradients before the first and between others", at, 3315,
               zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield each("rate zero moves nothing", at, 3317, lr_scale=[0.0] * 12, tolerance=0.0)
    yield from narrow("prodigy", at, 3319, (1e-5, 1e-1, 1e-2))


def verify(histories, near):
    pass
