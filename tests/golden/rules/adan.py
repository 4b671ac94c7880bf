"""Adan: Nesterov's momentum from the change of the gradient."""

import math

import numpy as np

from rules import Rule, adam
from trajectory import HOLES, RATES, advance, golden, mixed, narrow, run

FILE = "adan.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.98, 0.92, 0.99],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "no_prox": False,
    "max_grad_norm": 0.0,
    "maximize": False,
}


def step(groups):
    total = math.sqrt(sum(float(np.sum(p.grad**2)) for group in groups for p in group.parameters
                          if p.grad is not None))
    for group in groups:
        o = group.options
        lr, (b1, b2, b3), wd = o["lr"], o["betas"], o["weight_decay"]
        scale = min(1, o["max_grad_norm"] / (total + o["eps"])) if o["max_grad_norm"] > 0 else 1
        for p, g in advance(group):
            g = g * scale
            s, t = p.state, p.t
            difference = g - s.get("pre_grad", g)
            s["pre_grad"] = g
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            s["e"] = e = b2 * s.get("e", 0.0) + (1 - b2) * difference
            s["n"] = n = b3 * s.get("n", 0.0) + (1 - b3) * (g + b2 * difference) ** 2
            d = np.sqrt(n) / np.sqrt(1 - b3**t) + o["eps"]
            u = lr / (1 - b1**t) * m / d + lr * b2 / (1 - b2**t) * e / d
            if o["no_prox"]:
                p.value = p.value * (1 - lr * wd) - u
            else:
                p.value = (p.value - u) / (1 + lr * wd)


RULES = {"adan": Rule("adan", DEFAULTS, step)}


def cases():
    yield golden("adan", "adan", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8220436771671, -0.7145068499999, -0.3668034119185))
    yield golden("adan_np", "adan",
                 {"lr": 0.01, "weight_decay": 0.1, "no_prox": True, "max_grad_norm": 1},
                 (-0.8220393918255, -0.7140842911608, -0.3422872077018))
    yield mixed("adan: defaults, missing gradients", "adan", {}, 2101, missing=HOLES)
    yield mixed("adan: two groups, both places of decay, one clipped", "adan",
                {"lr": 0.02, "betas": [0.9, 0.8, 0.95], "eps": 1e-2, "weight_decay": 0.4}, 2103,
                missing=HOLES,
                second={"lr": 0.03, "betas": [0.6, 0.5, 0.9], "eps": 0.1, "no_prox": True,
                        "weight_decay": 0.3, "max_grad_norm": 0.7, "maximize": True})
    yield mixed("adan: rate changes, forty steps", "adan",
                {"lr": 0.02, "weight_decay": 0.2, "max_grad_norm": 2.0}, 2105, steps=40,
                missing=HOLES, lr_scale=[*RATES, *[0.5] * (40 - len(RATES))], record=(1, 7, 40))
    yield from narrow("adan", {"lr": 0.02, "eps": 1e-3, "weight_decay": 0.1}, 2107)


def verify(histories, near):
    """Without the change's average, and its part in n, it is Adam."""
    values = {"lr": 0.02, "betas": [0.9, 0.0, 0.95]}
    case = mixed("adan as adam", "adan", values, 2109)
    twin = mixed("adam", "adam", {"lr": 0.02, "betas": [0.9, 0.95]}, 2109)
    found, expected = run(case, RULES["adan"]), run(twin, adam.RULES["adam"])
    for t, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        for a, b in zip(ours, theirs, strict=True):
            near(f"adan with b2 = 0 is adam, step {t}", a, b, 1e-12)
