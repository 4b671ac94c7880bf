"""Schedule-Free AdamW, SGD and RAdam: averages of points in the place of a falling rate."""

import numpy as np

from rules import Rule, radam
from trajectory import HOLES, RATES, advance, checksum, common, golden, mixed, run

FILE = "schedule_free.json"

ADAMW = {
    "lr": 2.5e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "warmup_steps": 0,
    "r": 0.0,
    "weight_lr_power": 2.0,
    "inner_momentum": 0.0,
    "maximize": False,
}
SGD = {
    "lr": 1.0,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "warmup_steps": 0,
    "r": 0.0,
    "weight_lr_power": 2.0,
    "maximize": False,
}
RADAM = {
    "lr": 2.5e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "r": 0.0,
    "weight_lr_power": 2.0,
    "silent_sgd_phase": True,
    "maximize": False,
}


def warmed(o, k):
    return o["lr"] * (min(1.0, k / o["warmup_steps"]) if o["warmup_steps"] > 0 else 1.0)


def share(group, rate):
    """Counts a step of the group; the part of this step's point in the average."""
    o = group.options
    group.k = getattr(group, "k", 0) + 1
    group.lr_max = max(getattr(group, "lr_max", -1.0), rate(o, group.k))
    weight = group.k ** o["r"] * group.lr_max ** o["weight_lr_power"]
    group.weights = getattr(group, "weights", 0.0) + weight
    return weight / group.weights if group.weights else 0.0


def walk(group, rate, b, direction):
    o = group.options
    c = share(group, rate)
    lr = rate(o, group.k)
    for p, g in advance(group):
        z, y = p.state.setdefault("z", p.value.copy()), p.value
        d = direction(group, p.state, g) + o["weight_decay"] * y
        p.value = y + c * (z - y) + lr * (b * (1 - c) - 1) * d
        p.state["z"] = z - lr * d


def second(o, s, g):
    s["v"] = o["betas"][1] * s.get("v", 0.0) + (1 - o["betas"][1]) * g * g
    return s["v"]


def by_adam(group, s, g):
    o, i = group.options, group.options["inner_momentum"]
    v = second(o, s, g)
    if i > 0:
        s["m"] = i * s.get("m", 0.0) + (1 - i) * g
        g = s["m"] / (1 - i**group.k)
    return g / (np.sqrt(v / (1 - o["betas"][1]**group.k)) + o["eps"])


def by_radam(group, s, g):
    o = group.options
    v = second(o, s, g)
    if radam.length(o["betas"][1], group.k)[0] <= 4:
        return g
    return g / (np.sqrt(v / (1 - o["betas"][1]**group.k)) + o["eps"])


def rectified(o, k):
    rho, limit = radam.length(o["betas"][1], k)
    if rho > 4:
        return o["lr"] * radam.rectification(rho, limit)
    return 0.0 if o["silent_sgd_phase"] else o["lr"]


def adamw(groups):
    for group in groups:
        walk(group, warmed, group.options["betas"][0], by_adam)


def sgd(groups):
    for group in groups:
        walk(group, warmed, group.options["momentum"], lambda group, s, g: g)


def radam_step(groups):
    for group in groups:
        walk(group, rectified, group.options["betas"][0], by_radam)


def average(group, p):
    """x, from y = x + (1 - b) (z - x)."""
    b = group.options["momentum"] if "momentum" in group.options else group.options["betas"][0]
    z = p.state.get("z", p.value)
    return (p.value - (1 - b) * z) / b


RULES = {
    "schedule_free_adamw": Rule("schedule_free_adamw", ADAMW, adamw, evaluated=average),
    "schedule_free_sgd": Rule("schedule_free_sgd", SGD, sgd, evaluated=average),
    "schedule_free_radam": Rule("schedule_free_radam", RADAM, radam_step, evaluated=average),
}


def cases():
    yield golden("sf_adamw", "schedule_free_adamw",
                 {"lr": 0.01, "weight_decay": 0.1, "warmup_steps": 5},
                 (-0.8254535338711, -0.7583571468974, -0.5321816621957))
    yield golden("sf_sgd", "schedule_free_sgd", {"lr": 0.1, "weight_decay": 0.1},
                 (-0.6713027091403, 0.01906036581325, -0.05173617345662))
    at = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("sf_radam", "schedule_free_radam", at,
                 (-0.8263070638938, -0.8244466789693, -0.7809209312108))
    yield golden("sf_radam_x", "schedule_free_radam",
                 {**at, "betas": [0.95, 0.99], "r": 0.5, "silent_sgd_phase": False},
                 (-0.8108066284185, -0.7432154429948, -0.6334339702246))

    slow = {"lr": 0.02, "weight_decay": 0.3, "warmup_steps": 4}
    yield from common("schedule_free_adamw", {**slow, "betas": [0.8, 0.95], "eps": 1e-3},
                      {**slow, "betas": [0.95, 0.9], "eps": 1e-2, "r": 1.0,
                       "weight_lr_power": 0.0, "inner_momentum": 0.7}, 3101)
    yield mixed("schedule_free_adamw: inner momentum", "schedule_free_adamw",
                {**slow, "inner_momentum": 0.5}, 3131, missing=HOLES, lr_scale=RATES)
    yield from common("schedule_free_sgd", {**slow, "momentum": 0.8},
                      {**slow, "momentum": 0.95, "r": 0.5, "weight_lr_power": 1.0}, 3141)
    yield from common("schedule_free_radam",
                      {"lr": 0.05, "weight_decay": 0.3, "betas": [0.8, 0.95], "eps": 1e-3},
                      {"lr": 0.03, "betas": [0.9, 0.9], "eps": 1e-2, "r": 1.0,
                       "silent_sgd_phase": False}, 3171)


def verify(histories, near):
    case = next(case for case in cases() if case.name == "sf_radam")
    for t in range(5):
        for a, b in zip(histories[case.name][t], histories[case.name][0]):
            near("a silent phase moves nothing", a, b, 0.0)
    published = {"sf_adamw": -0.5494538486773, "sf_sgd": -0.02774568296754,
                 "sf_radam": -0.7837261376374}
    for case in cases():
        if case.name in published:
            run(case, RULES[case.optimizer])
            values = [np.array(v) for v in case.extra["evaluated"]]
            near(f"{case.name} after eval()", checksum(values), published[case.name], 1e-11)
