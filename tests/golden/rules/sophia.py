"""Sophia-G: the momentum over an estimate of the Hessian's diagonal, clipped."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, mixed, narrow

FILE = "sophia.json"

DEFAULTS = {
    "lr": 1e-4,
    "betas": [0.965, 0.99],
    "rho": 0.04,
    "weight_decay": 0.1,
    "decay_mode": "decoupled",
    "bs": 1.0,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o, b1 = group.options, group.options["betas"][0]
        for p, g in advance(group):
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            limit = o["rho"] * o["bs"] * s.get("h", 0.0) + 1e-15
            p.value = p.value - o["lr"] * np.sign(m) * np.minimum(np.abs(m) / limit, 1.0)


def refresh(groups):
    for group in groups:
        b2 = group.options["betas"][1]
        for p in group.parameters:
            if p.grad is not None:
                p.state["h"] = b2 * p.state.get("h", 0.0) + (1 - b2) * p.grad * p.grad


RULES = {"sophia": Rule("sophia", DEFAULTS, step, refresh=refresh)}


def cases():
    yield golden("sophia", "sophia", {"lr": 0.01, "bs": 4.0},
                 (-0.8220394163499, -0.7174554809552, -0.2231133043713),
                 extra={"hessian_every": 5})
    at = {"lr": 0.02, "betas": [0.8, 0.6], "rho": 0.5, "weight_decay": 0.3, "bs": 4.0}
    coupled = {**at, "rho": 2.0, "decay_mode": "coupled"}
    def each(name, options, seed, **more):
        return mixed(f"sophia: {name}", "sophia", options, seed, extra={"hessian_every": 3}, **more)

    yield each("defaults, missing gradients", {}, 3201, missing=HOLES)
    yield each("two groups", at, 3203, missing=HOLES, second=coupled)
    yield each("rate changes", at, 3205, missing=HOLES, lr_scale=RATES)
    yield each("maximize, rate changes", {**coupled, "maximize": True}, 3207, missing=HOLES,
               lr_scale=RATES)
    yield each("rate zero moves nothing", {**at, "lr": 0.0}, 3209, tolerance=0.0)
    yield each("no clipping in the end", {**at, "bs": 1e3}, 3211)
    yield each("rho zero is the sign", {**at, "rho": 0.0}, 3213, missing=HOLES)
    yield from narrow("sophia", {**at, "bs": 10.0}, 3215, extra={"hessian_every": 2})


def verify(histories, near):
    pass
