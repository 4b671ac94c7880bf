"""Adafactor: second moments of matrices as products of row and column means."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, agreed, common, decay_ratio, decays, golden, mixed
from trajectory import norm

FILE = "adafactor.json"

DEFAULTS = {
    "lr": 1e-2,
    "beta2_decay": -0.8,
    "eps1": "none",
    "eps2": 1e-3,
    "d": 1.0,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        eps1 = np.finfo(float).eps if o["eps1"] == "none" else o["eps1"]
        for p, g in advance(group, lambda p: True):
            if g.size == 0:
                continue
            s, t = p.state, p.t
            w = t ** o["beta2_decay"]
            alpha = max(o["eps2"], norm(p.value) / math.sqrt(g.size))
            alpha *= min(o["lr"], 1 / math.sqrt(t))
            start, cautious = p.value, o.get("cautious_decay", False)
            decay = o["weight_decay"] if o["decay_mode"] == "decoupled" else 0.0
            decay *= o["lr"] * decay_ratio(o)
            if not cautious:
                p.value = p.value * (1 - decay)
            if g.ndim >= 2:
                for name, axis in (("R", -1), ("C", -2)):
                    mean = np.mean(g * g, axis=axis, keepdims=True)
                    before = s.get(name, 0.0)
                    s[name] = before + w * (mean - before)
                x = s["R"] * s["C"] / np.maximum(np.mean(s["R"], axis=-2, keepdims=True), eps1)
            else:
                before = s.get("V", 0.0)
                s["V"] = x = before + w * (g * g - before)
            u = g / np.sqrt(np.maximum(x, eps1**2))
            size = norm(u) / (math.sqrt(g.size) * o["d"])
            p.value = p.value - alpha / max(1.0, size) * u
            if cautious:
                p.value = p.value - decay * agreed(o, u, start)


def torch_form(torch, groups):
    if any(o["decay_mode"] != "decoupled" or o["eps1"] != "none" for o, _ in groups):
        return None
    if any(p.numel() == 0 for _, params in groups for p in params):
        return None  # it divides by the number of elements
    names = ("lr", "beta2_decay", "d", "weight_decay", "maximize")
    return torch.optim.Adafactor([{"params": p, "eps": (None, o["eps2"]),
                                   **{n: o[n] for n in names}} for o, p in groups])


RULES = {"adafactor": Rule("adafactor", DEFAULTS, step, torch_form)}


def cases():
    yield golden("adafactor", "adafactor", {},
                 (-0.829258277886, -0.8399611078338, -1.015160677985))
    yield golden("adafactor_wd", "adafactor", {"lr": 0.05, "weight_decay": 0.1},
                 (-0.8369315985353, -0.9183712080182, -0.5635186859878))

    at = {"lr": 0.05, "eps2": 0.1, "weight_decay": 0.3}
    yield from common("adafactor", at, {"lr": 0.4, "beta2_decay": -0.5, "eps1": 0.05, "d": 1.5,
                                        "weight_decay": 0.2, "decay_mode": "coupled"}, 3301,
                      (2e-6, 5e-2, 1e-2))
    filled = ((3, 2), (5,), (), (4, 1), (2, 1, 3), (1, 6))
    for n, more in enumerate(({}, {"d": 2.0}, {"beta2_decay": 0.0}, {"maximize": True})):
        yield mixed(f"adafactor: against torch.optim, {more}", "adafactor",
                    {"lr": 0.1, "weight_decay": 0.2, **more}, 3331 + 2 * n, shapes=filled,
                    missing=HOLES, lr_scale=RATES, zero={(4, 0), (4, 1)})
    yield from decays("adafactor", at, 3351)


def verify(histories, near):
    pass
