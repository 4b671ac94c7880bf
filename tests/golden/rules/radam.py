"""RAdam and RAdamW: Adam's step once the variance of its denominator is bounded."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, Case, advance, decays, golden, mixed, narrow, parity_values
from trajectory import run

FILE = "radam.json"

RADAM = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "unrectified": "momentum",
    "rho_threshold": 5.0,
    "maximize": False,
}
RADAMW = {**RADAM, "decay_mode": "decoupled"}


def length(b2, t):
    """rho, the length of the simple average that the second moment amounts to, and its limit."""
    limit = 2 / (1 - b2) - 1
    return limit - 2 * t * b2**t / (1 - b2**t), limit


def rectification(rho, limit):
    return math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), eps = o["lr"], o["betas"], o["eps"]

        def rests(p):
            return o["unrectified"] == "skip" and not length(b2, p.t)[0] > o["rho_threshold"]

        for p, g in advance(group, rests):
            s = p.state
            s["exp_avg"] = m = b1 * s.get("exp_avg", 0.0) + (1 - b1) * g
            s["exp_avg_sq"] = v = b2 * s.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
            c1, c2 = 1 - b1**p.t, 1 - b2**p.t
            rho, limit = length(b2, p.t)
            if rho > o["rho_threshold"]:
                r = rectification(rho, limit)
                p.value = p.value - lr * r * (m / c1) * math.sqrt(c2) / (np.sqrt(v) + eps)
            elif o["unrectified"] == "momentum":
                p.value = p.value - lr * m / c1


def torch_form(torch, groups):
    if any(o["unrectified"] != "momentum" or o["rho_threshold"] != 5 for o, _ in groups):
        return None
    names = ("lr", "betas", "eps", "weight_decay", "maximize")
    return torch.optim.RAdam([{"params": p, **{n: o[n] for n in names},
                               "decoupled_weight_decay": o["decay_mode"] == "decoupled"}
                              for o, p in groups])


RULES = {
    "radam": Rule("radam", RADAM, step, torch_form),
    "radamw": Rule("radamw", RADAMW, step, torch_form),
}


def cases():
    decay = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("radam", "radam", {"lr": 0.01},
                 (-0.8116329354824, -0.7293490960573, -0.6656193977209))
    yield golden("radamw", "radamw", decay, (-0.8108066284185, -0.7218689971748, -0.6251622278363))
    yield golden("radam_official", "radamw", {**decay, "unrectified": "skip"},
                 (-0.8263070638938, -0.8199778522506, -0.7176580479962))

    yield mixed("radam: defaults, missing gradients", "radam", {}, 1301, missing=HOLES)
    yield mixed("radamw: defaults, missing gradients", "radamw", {}, 1303, missing=HOLES)
    yield mixed("radam: two groups, coupled and decoupled decay", "radam",
                {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.4}, 1305,
                missing=HOLES,
                second={"lr": 0.03, "betas": [0.95, 0.9], "eps": 0.1, "weight_decay": 0.3,
                        "decay_mode": "decoupled", "maximize": True})
    yield mixed("radamw: two groups, one skips and one is coupled", "radamw",
                {"lr": 0.02, "betas": [0.8, 0.95], "weight_decay": 0.4, "unrectified": "skip"},
                1307, missing=HOLES,
                second={"lr": 0.03, "betas": [0.6, 0.99], "weight_decay": 0.3,
                        "decay_mode": "coupled", "rho_threshold": 4.0})
    for n, unrectified in enumerate(("momentum", "skip")):
        for optimizer, decay_mode in (("radam", "coupled"), ("radamw", "decoupled")):
            yield mixed(f"{optimizer}: {unrectified}, decay {decay_mode}, rate changes", optimizer,
                        {"lr": 0.03, "betas": [0.85, 0.98], "eps": 0.05, "weight_decay": 0.4,
                         "unrectified": unrectified, "maximize": True}, 1309 + 2 * n,
                        missing=HOLES, lr_scale=RATES, record=(1, 5, 6, 7, 12))
        yield mixed(f"radamw: {unrectified}, a higher threshold opens later", "radamw",
                    {"lr": 0.03, "betas": [0.9, 0.99], "weight_decay": 0.4,
                     "unrectified": unrectified, "rho_threshold": 7.5}, 1313 + 2 * n,
                    missing=HOLES)
        yield mixed(f"radam: {unrectified}, second beta too short to rectify", "radam",
                    {"lr": 0.03, "betas": [0.9, 0.6], "weight_decay": 0.2, "maximize": True,
                     "unrectified": unrectified}, 1317 + 2 * n, missing=HOLES)
    yield mixed("radam: second beta just long enough to rectify", "radam",
                {"lr": 0.02, "betas": [0.9, 0.7]}, 1321, steps=40, missing=HOLES,
                record=(1, 7, 40))
    yield mixed("radam: zero gradients before the first and between others", "radam",
                {"lr": 0.02, "betas": [0.8, 0.9], "eps": 1e-3}, 1323,
                zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("radamw: rate zero moves nothing", "radamw", {"lr": 0.0, "weight_decay": 0.1},
                1325, tolerance=0.0)
    yield from narrow("radamw", {"lr": 0.04, "eps": 1e-3, "weight_decay": 0.1}, 1327)
    yield from decays("radamw", {"lr": 0.04, "betas": [0.8, 0.9], "eps": 1e-3,
                                 "weight_decay": 0.4, "unrectified": "skip"}, 1341)



def verify(histories, near):
    opened = [length(0.999, t)[0] > 5 for t in range(1, 12)]
    near("with default betas the branch opens at the sixth step", opened.index(True), 5, 0)
    factors = [rectification(*length(0.999, t)) for t in range(6, 20001)]
    near("the rectification grows", min(np.diff(factors)), abs(min(np.diff(factors))), 0)
    near("the rectification ends at one", factors[-1], 1.0, 1e-5)
    short = Case("", "radam", [({"betas": [0.9, 0.5], "unrectified": "skip"}, parity_values())],
                 "parity", 60, ())
    for a, b in zip(run(short, RULES["radam"])[60], parity_values()):
        near("a second beta of one half never leaves the momentum branch", a, b, 0)
