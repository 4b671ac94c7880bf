"""Signum and SignSGD: the sign of an average of gradients, or of the gradient."""

import numpy as np

from rules import Rule
from trajectory import HOLES, advance, common, golden, mixed

FILE = "signum.json"

DEFAULTS = {
    "lr": 1e-3,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        lr, mu = group.options["lr"], group.options["momentum"]
        for p, g in advance(group):
            p.state["b"] = b = mu * p.state.get("b", 0.0) + (1 - mu) * g
            p.value = p.value - lr * np.sign(b if mu > 0 else g)


RULES = {"signum": Rule("signum", DEFAULTS, step)}


def cases():
    yield golden("signum", "signum", {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.1},
                 (-0.8220394163499, -0.7174554809552, -0.2476204288203))
    yield golden("sign_sgd", "signum", {"lr": 0.01, "momentum": 0.0},
                 (-0.8228657234138, -0.7048498583975, -0.2902645644605))

    at = {"lr": 0.01, "momentum": 0.6, "weight_decay": 0.3}
    yield from common("signum", at, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.2,
                                     "decay_mode": "coupled"}, 2201)
    yield mixed("signum: without momentum, beside a group with", "signum",
                {"lr": 0.02, "momentum": 0.0, "weight_decay": 0.4}, 2231, missing=HOLES, second=at,
                zero={(3, 0)})


def verify(histories, near):
    pass
