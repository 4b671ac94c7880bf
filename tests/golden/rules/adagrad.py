"""AdaGrad with a diagonal accumulator."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, keras_single_step, mixed, narrow

FILE = "adagrad.json"

DEFAULTS = {
    "lr": 1e-2,
    "lr_decay": 0.0,
    "initial_accumulator_value": 0.0,
    "eps": 1e-10,
    "eps_mode": "outside",
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        for p, g in advance(group):
            total = p.state.get("sum", o["initial_accumulator_value"]) + g * g
            p.state["sum"] = total
            if o["eps_mode"] == "outside":
                den = np.sqrt(total) + o["eps"]
            else:
                den = np.sqrt(total + o["eps"])
            p.value = p.value - o["lr"] / (1 + (p.t - 1) * o["lr_decay"]) * g / den


def torch_form(torch, groups):
    for o, _ in groups:
        if o["eps_mode"] != "outside" or (o["decay_mode"] != "coupled" and o["weight_decay"] != 0):
            return None
    names = ("lr", "lr_decay", "eps", "weight_decay", "maximize")
    optimizer = torch.optim.Adagrad([{"params": p, **{n: o[n] for n in names}} for o, p in groups])
    for o, parameters in groups:  # it reads the initial value of no group but of its constructor
        for p in parameters:
            optimizer.state[p]["sum"].fill_(o["initial_accumulator_value"])
    return optimizer


RULES = {"adagrad": Rule("adagrad", DEFAULTS, step, torch_form)}


def cases():
    at = {"lr": 0.1}
    yield golden("adagrad", "adagrad", at, (-0.7918936588368, -0.4000748005529, -0.06183663151463))
    yield golden("adagrad_x", "adagrad",
                 {**at, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.1},
                 (-0.744758495718, -0.4263068513042, -0.08944652204904))
    yield golden("adagrad_in", "adagrad", {**at, "eps_mode": "inside", "eps": 1e-8},
                 (-0.7918932309577, -0.4000747825331, -0.06183663156036))
    yield golden("k_adagrad", "adagrad",
                 {**at, "eps_mode": "inside", "eps": 1e-7, "initial_accumulator_value": 0.1},
                 (-0.7475096770898, -0.4146989397756, -0.05956159963641))

    yield mixed("adagrad: defaults, missing gradients", "adagrad", {}, 701, missing=HOLES)
    yield mixed("adagrad: two groups, coupled and decoupled decay", "adagrad",
                {"lr": 0.2, "lr_decay": 0.3, "initial_accumulator_value": 0.5, "eps": 0.02,
                 "weight_decay": 0.4}, 703, missing=HOLES,
                second={"lr": 0.05, "eps": 0.01, "eps_mode": "inside", "weight_decay": 0.6,
                        "decay_mode": "decoupled", "maximize": True})
    for n, mode in enumerate(("outside", "inside")):
        for decay_mode in ("coupled", "decoupled"):
            yield mixed(f"adagrad: eps {mode}, decay {decay_mode}, rate decay, rate changes",
                        "adagrad",
                        {"lr": 0.15, "lr_decay": 0.2, "initial_accumulator_value": 0.3,
                         "eps": 0.05, "eps_mode": mode, "weight_decay": 0.3,
                         "decay_mode": decay_mode}, 705 + 2 * n, missing=HOLES, lr_scale=RATES)
    yield mixed("adagrad: maximize, coupled decay, forty steps", "adagrad",
                {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.2, "maximize": True}, 709,
                steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("adagrad: zero gradients before the first and between others", "adagrad",
                {"lr": 0.1, "lr_decay": 0.5}, 711,
                zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("adagrad: eps zero on an accumulator that is not", "adagrad",
                {"lr": 0.1, "eps": 0.0, "initial_accumulator_value": 0.2}, 713,
                zero={(t, p) for t in (1, 5) for p in range(5)})
    yield mixed("adagrad: rate zero moves nothing", "adagrad", {"lr": 0.0, "weight_decay": 0.1},
                715, tolerance=0.0)
    yield from narrow("adagrad", {"lr": 0.05, "eps": 1e-3, "weight_decay": 0.1, "lr_decay": 0.1},
                      717)


def verify(histories, near):
    form = {"eps_mode": "inside", "eps": 1e-7, "initial_accumulator_value": 0.1}
    near("Keras: one step on four numbers", keras_single_step(RULES["adagrad"], form),
         [0.5233, 1.5007, 2.5005, 3.5061], 5e-4)
