"""AdaMax: Adam in the maximum norm."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, keras_single_step, mixed, narrow

FILE = "adamax.json"

DEFAULTS = {
    "lr": 2e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "eps_place": "in_max",
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), eps = o["lr"], o["betas"], o["eps"]
        for p, g in advance(group):
            s = p.state
            c1 = 1 - b1**p.t
            u = s.get("exp_inf", np.zeros_like(g))
            s["exp_avg"] = m = b1 * s.get("exp_avg", 0.0) + (1 - b1) * g
            if o["eps_place"] == "in_max":
                s["exp_inf"] = u = np.maximum(b2 * u, np.abs(g) + eps)
                p.value = p.value - lr / c1 * m / u
            else:
                s["exp_inf"] = u = np.maximum(b2 * u, np.abs(g))
                p.value = p.value - lr * m / (c1 * (u + eps))


def torch_form(torch, groups):
    for o, _ in groups:
        if o["eps_place"] != "in_max" or (o["decay_mode"] != "coupled" and o["weight_decay"] != 0):
            return None
    names = ("lr", "betas", "eps", "weight_decay", "maximize")
    return torch.optim.Adamax([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {"adamax": Rule("adamax", DEFAULTS, step, torch_form)}


def cases():
    yield golden("adamax", "adamax", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8228657215527, -0.7377583234077, -0.4366299084698))
    yield golden("k_adamax", "adamax", {"lr": 0.01, "eps_place": "after_max", "eps": 1e-7},
                 (-0.8228656977181, -0.7384738726762, -0.4384256128303))

    yield mixed("adamax: defaults, missing gradients", "adamax", {}, 1101, missing=HOLES)
    yield mixed("adamax: two groups, coupled and decoupled decay", "adamax",
                {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.4}, 1103,
                missing=HOLES,
                second={"lr": 0.03, "betas": [0.6, 0.9], "eps": 0.1, "eps_place": "after_max",
                        "weight_decay": 0.3, "decay_mode": "decoupled", "maximize": True})
    for n, place in enumerate(("in_max", "after_max")):
        for decay_mode in ("coupled", "decoupled"):
            yield mixed(f"adamax: eps {place}, decay {decay_mode}, rate changes", "adamax",
                        {"lr": 0.03, "betas": [0.85, 0.8], "eps": 0.05, "eps_place": place,
                         "weight_decay": 0.4, "decay_mode": decay_mode}, 1105 + 2 * n,
                        missing=HOLES, lr_scale=RATES)
        yield mixed(f"adamax: eps {place}, zero gradients", "adamax",
                    {"lr": 0.03, "betas": [0.8, 0.7], "eps": 1e-2, "eps_place": place}, 1109,
                    zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("adamax: maximize, coupled decay, forty steps", "adamax",
                {"lr": 0.01, "betas": [0.9, 0.95], "weight_decay": 0.2, "maximize": True}, 1111,
                steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("adamax: both betas zero is a step by sign", "adamax",
                {"lr": 0.03, "betas": [0.0, 0.0]}, 1113, missing=HOLES)
    yield mixed("adamax: rate zero moves nothing", "adamax", {"lr": 0.0, "weight_decay": 0.1},
                1115, tolerance=0.0)
    yield from narrow("adamax", {"lr": 0.04, "eps": 1e-3, "weight_decay": 0.1}, 1117)


def verify(histories, near):
    form = {"eps_place": "after_max", "eps": 1e-7}
    near("Keras: one step on four numbers", keras_single_step(RULES["adamax"], form),
         [0.5, 1.5, 2.5, 3.5], 5e-4)
