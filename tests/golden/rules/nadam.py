"""NAdam: Adam with Nesterov's momentum, whose coefficient grows from step to step."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, keras_single_step, mixed, narrow

FILE = "nadam.json"

DEFAULTS = {
    "lr": 2e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "momentum_decay": 4e-3,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), psi = o["lr"], o["betas"], o["momentum_decay"]
        for p, g in advance(group):
            s = p.state
            mu, following = (b1 * (1 - 0.5 * 0.96 ** (t * psi)) for t in (p.t, p.t + 1))
            s["mu_product"] = product = s.get("mu_product", 1.0) * mu
            s["exp_avg"] = m = b1 * s.get("exp_avg", 0.0) + (1 - b1) * g
            s["exp_avg_sq"] = v = b2 * s.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
            d = np.sqrt(v) / math.sqrt(1 - b2**p.t) + o["eps"]
            p.value = p.value - lr * (1 - mu) / (1 - product) * g / d
            p.value = p.value - lr * following / (1 - product * following) * m / d


def torch_form(torch, groups):
    names = ("lr", "betas", "eps", "momentum_decay", "weight_decay", "maximize")
    return torch.optim.NAdam([{"params": p, **{n: o[n] for n in names},
                               "decoupled_weight_decay": o["decay_mode"] == "decoupled"}
                              for o, p in groups])


RULES = {"nadam": Rule("nadam", DEFAULTS, step, torch_form)}


def cases():
    at = {"lr": 0.01}
    yield golden("nadam", "nadam", at, (-0.8226714509092, -0.7345034879284, -0.410081387495))
    yield golden("nadam_w", "nadam", {**at, "weight_decay": 0.1, "decay_mode": "decoupled"},
                 (-0.8218451438453, -0.7268569528331, -0.3812952904225))
    yield golden("k_nadam", "nadam", {**at, "momentum_decay": 1.0, "eps": 1e-7},
                 (-0.8226496218956, -0.7380987323255, -0.4107821828308))

    yield mixed("nadam: defaults, missing gradients", "nadam", {}, 1201, missing=HOLES)
    yield mixed("nadam: two groups, coupled and decoupled decay", "nadam",
                {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-2, "momentum_decay": 0.5,
                 "weight_decay": 0.4}, 1203, missing=HOLES,
                second={"lr": 0.03, "betas": [0.95, 0.9], "eps": 0.1, "momentum_decay": 3.0,
                        "weight_decay": 0.3, "decay_mode": "decoupled", "maximize": True})
    for n, decay_mode in enumerate(("coupled", "decoupled")):
        yield mixed(f"nadam: decay {decay_mode}, rate changes", "nadam",
                    {"lr": 0.03, "betas": [0.85, 0.9], "eps": 0.05, "momentum_decay": 0.1,
                     "weight_decay": 0.4, "decay_mode": decay_mode}, 1205 + 2 * n, missing=HOLES,
                    lr_scale=RATES)
    yield mixed("nadam: maximize, coupled decay, forty steps", "nadam",
                {"lr": 0.01, "betas": [0.7, 0.99], "weight_decay": 0.2, "maximize": True}, 1209,
                steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("nadam: momentum decay zero keeps the coefficient", "nadam",
                {"lr": 0.02, "momentum_decay": 0.0}, 1211, missing=HOLES)
    yield mixed("nadam: both betas zero is a step by sign", "nadam",
                {"lr": 0.03, "betas": [0.0, 0.0]}, 1213, missing=HOLES)
    yield mixed("nadam: zero gradients before the first and between others", "nadam",
                {"lr": 0.02, "betas": [0.8, 0.9], "eps": 1e-3}, 1215,
                zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("nadam: rate zero moves nothing", "nadam", {"lr": 0.0, "weight_decay": 0.1}, 1217,
                tolerance=0.0)
    yield from narrow("nadam", {"lr": 0.04, "eps": 1e-3, "weight_decay": 0.1}, 1219)


def verify(histories, near):
    form = {"momentum_decay": 1.0, "eps": 1e-7}
    near("Keras: one step on four numbers", keras_single_step(RULES["nadam"], form),
         [0.4686, 1.4686, 2.4686, 3.4686], 5e-4)
