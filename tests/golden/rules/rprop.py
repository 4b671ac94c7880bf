"""Rprop: a step size for each weight that only the signs of the gradients change."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, mixed, narrow

FILE = "rprop.json"

DEFAULTS = {
    "lr": 1e-2,
    "eta_minus": 0.5,
    "eta_plus": 1.2,
    "step_min": 1e-6,
    "step_max": 50.0,
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        for p, g in advance(group):
            s = p.state
            product = g * s.get("prev", np.zeros_like(g))
            factor = np.where(product > 0, o["eta_plus"],
                              np.where(product < 0, o["eta_minus"], 1.0))
            d = np.clip(s.get("step_size", np.full_like(g, o["lr"])) * factor, o["step_min"],
                        o["step_max"])
            g = np.where(product < 0, 0.0, g)
            p.value = p.value - np.sign(g) * d
            s["step_size"], s["prev"] = d, g


def torch_form(torch, groups):
    return torch.optim.Rprop([{"params": p, "lr": o["lr"], "maximize": o["maximize"],
                               "etas": (o["eta_minus"], o["eta_plus"]),
                               "step_sizes": (o["step_min"], o["step_max"])} for o, p in groups])


RULES = {"rprop": Rule("rprop", DEFAULTS, step, torch_form)}


def cases():
    yield golden("rprop", "rprop", {}, (-0.8228657234138, -0.5565049694517, -0.007176477081808))

    yield mixed("rprop: defaults, missing gradients", "rprop", {}, 1001, missing=HOLES)
    yield mixed("rprop: two groups", "rprop",
                {"lr": 0.02, "eta_minus": 0.7, "eta_plus": 1.5, "step_max": 0.04}, 1003,
                missing=HOLES,
                second={"lr": 0.005, "eta_minus": 0.3, "eta_plus": 1.1, "step_min": 0.001,
                        "maximize": True})
    yield mixed("rprop: steps run into both bounds, forty steps", "rprop",
                {"lr": 0.02, "eta_minus": 0.4, "eta_plus": 1.8, "step_min": 0.01,
                 "step_max": 0.05}, 1005, steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("rprop: starts below the smallest step", "rprop",
                {"lr": 0.01, "step_min": 0.03, "step_max": 0.05}, 1007, missing=HOLES)
    yield mixed("rprop: starts above the largest step, maximize", "rprop",
                {"lr": 0.2, "step_max": 0.05, "maximize": True}, 1009, missing=HOLES)
    yield mixed("rprop: smallest and largest step equal", "rprop",
                {"lr": 0.2, "step_min": 0.03, "step_max": 0.03}, 1011, missing=HOLES)
    yield mixed("rprop: zero gradients rest and forget the sign", "rprop", {"lr": 0.05}, 1013,
                zero={(t, p) for t in (1, 2, 5, 8) for p in range(5)})
    yield mixed("rprop: only the rate of a parameter's first step counts", "rprop", {"lr": 0.04},
                1015, missing=HOLES, lr_scale=RATES)
    yield mixed("rprop: rate zero steps by the smallest step", "rprop",
                {"lr": 0.0, "step_min": 0.01}, 1017, missing=HOLES)
    yield from narrow("rprop", {"lr": 0.02, "eta_plus": 1.25}, 1019)


def verify(histories, near):
    start, end = (histories["rprop: smallest and largest step equal"][t] for t in (0, 1))
    for a, b, missing in zip(start, end, ((1, n) in HOLES for n in range(5))):
        near("a step has the length of its bounds", np.abs(b - a), 0.0 if missing else 0.03, 1e-15)
