"""ASGD: descent with a decaying rate, and the average of where it has been."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, Case, advance, checksum, decays, golden, mixed
from trajectory import narrow, parity_values, run

FILE = "asgd.json"

DEFAULTS = {
    "lr": 1e-2,
    "lambd": 1e-4,
    "alpha": 0.75,
    "t0": 1e6,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, lambd = o["lr"], o["lambd"]
        stepped = []
        for p, g in advance(group):
            eta = p.state.get("eta", lr)
            p.value = p.value * (1 - lambd * eta)
            p.value = p.value - eta * g
            stepped.append(p)
        for p in stepped:  # a cautious decay has come in between
            s = p.state
            mu, ax = s.get("mu", 1.0), s.get("ax", np.zeros_like(p.value))
            s["ax"] = p.value.copy() if mu == 1 else ax + mu * (p.value - ax)
            s["eta"] = lr / (1 + lambd * lr * p.t) ** o["alpha"]
            s["mu"] = 1 / max(1, p.t - o["t0"])


def torch_form(torch, groups):
    for o, _ in groups:
        if o["decay_mode"] != "coupled" and o["weight_decay"] != 0:
            return None
    names = ("lr", "lambd", "alpha", "t0", "weight_decay", "maximize")
    return torch.optim.ASGD([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {"asgd": Rule("asgd", DEFAULTS, step, torch_form)}
ROW = {"lr": 0.05, "t0": 20.0, "lambd": 0.01}


def cases():
    yield golden("asgd", "asgd", ROW, (-0.7525232683046, -0.1280206445616, 0.006431767583148))

    yield mixed("asgd: defaults, missing gradients", "asgd", {}, 1601, missing=HOLES)
    yield mixed("asgd: two groups, coupled and decoupled decay", "asgd",
                {"lr": 0.2, "lambd": 0.5, "alpha": 0.6, "t0": 2.0, "weight_decay": 0.4}, 1603,
                missing=HOLES,
                second={"lr": 0.05, "lambd": 0.9, "alpha": 2.0, "t0": 0.0, "weight_decay": 0.3,
                        "decay_mode": "decoupled", "maximize": True})
    for n, decay_mode in enumerate(("coupled", "decoupled")):
        yield mixed(f"asgd: decay {decay_mode}, a rate changed comes one step late", "asgd",
                    {"lr": 0.1, "lambd": 0.3, "t0": 3.0, "weight_decay": 0.4,
                     "decay_mode": decay_mode}, 1605 + 2 * n, missing=HOLES, lr_scale=RATES)
    yield mixed("asgd: maximize, coupled decay, forty steps", "asgd",
                {"lr": 0.05, "lambd": 0.2, "alpha": 0.9, "t0": 5.0, "weight_decay": 0.2,
                 "maximize": True}, 1609, steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("asgd: neither lambd nor alpha is descent", "asgd",
                {"lr": 0.1, "lambd": 0.0, "alpha": 0.0, "t0": 0.0}, 1611, missing=HOLES)
    yield mixed("asgd: zero gradients only shrink", "asgd", {"lr": 0.1, "lambd": 0.5}, 1613,
                zero={(t, p) for t in (1, 2, 5) for p in range(5)})
    yield mixed("asgd: rate zero moves nothing", "asgd", {"lr": 0.0, "weight_decay": 0.1}, 1615,
                tolerance=0.0)
    yield from decays("asgd", {"lr": 0.05, "lambd": 0.2, "t0": 2.0, "weight_decay": 0.4,
                               "decay_mode": "decoupled"}, 1621)
    yield from narrow("asgd", {"lr": 0.05, "lambd": 0.1, "t0": 2.0, "weight_decay": 0.1}, 1617)


def verify(histories, near):
    averages = []

    def keeping(groups):
        step(groups)
        averages[:] = [p.state["ax"] for group in groups for p in group.parameters]

    run(Case("", "asgd", [(ROW, parity_values())], "parity", 60, ()), RULES["asgd"], keeping)
    near("asgd: C_60 of the averages", checksum(averages), 0.05067131591837, 1e-11)
    by_row = histories["asgd"][22:61]
    for n, average in enumerate(averages):
        near("the average is the mean over the steps from t0 + 2 on", average,
             np.mean([values[n] for values in by_row], axis=0), 1e-13)
