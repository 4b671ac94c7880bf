"""Adam-mini: one second moment for each block of a parameter."""

import math

import numpy as np

from rules import Rule
from trajectory import RATES, advance, common, golden, mixed, parity_values

FILE = "adam_mini.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "block": "row",
    "heads": 1,
    "maximize": False,
}


def blocks(o, x):
    rows = x.shape[0] if x.ndim else 1
    count = {"tensor": 1, "row": rows, "heads": o["heads"], "element": x.size}[o["block"]]
    return x.reshape(count, -1)


def step(groups):
    for group in groups:
        o = group.options
        b1, b2 = o["betas"]
        for p, g in advance(group):
            if g.size == 0:
                continue
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            mean = np.mean(blocks(o, g * g), axis=1)
            s["v"] = v = b2 * s.get("v", 0.0) + (1 - b2) * mean
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            d = np.sqrt(v) / math.sqrt(c2) + o["eps"]
            u = blocks(o, m) / d[:, None]
            p.value = p.value - o["lr"] / c1 * u.reshape(g.shape)


RULES = {"adam_mini": Rule("adam_mini", DEFAULTS, step)}


def cases():
    first = golden("adam_mini", "adam_mini", {},
                   (-0.830941023486, -0.7993734679467, -0.4326664655992))
    kinds = ({"block": "row", "weight_decay": 0.1}, {"block": "element"}, {"block": "tensor"},
             {"block": "tensor", "weight_decay": 0.1})
    first.groups = [({"lr": 0.01, **kind}, [value])
                    for kind, value in zip(kinds, parity_values())]
    yield first
    heads = golden("adam_mini_heads", "adam_mini", {},
                   (0.9823554750592, 0.794843790255, 0.1997606830608))
    a, b = parity_values(((4, 4), (6, 4)))
    at = {"lr": 0.01, "weight_decay": 0.1}
    heads.groups = [({**at, "block": "heads", "heads": 2}, [a]), (at, [b])]
    yield heads

    narrow = {"lr": 0.02, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3}
    yield from common("adam_mini", narrow, {**narrow, "block": "tensor", "decay_mode": "coupled"},
                      3501)
    for n, more in enumerate(({"block": "element"}, {"block": "tensor"},
                              {"block": "heads", "heads": 3})):
        yield mixed(f"adam_mini: {more}", "adam_mini", {**narrow, **more}, 3531 + 2 * n,
                    shapes=((3, 2), (6,), (3, 1, 2), (2, 3, 2)), missing={(1, 0), (4, 2)},
                    lr_scale=RATES)


def verify(histories, near):
    pass
