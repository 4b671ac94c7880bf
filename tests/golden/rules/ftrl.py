"""FTRL-proximal: every step sets the weight anew from the sum of what it has seen."""

import numpy as np

from rules import Rule, adagrad
from trajectory import HOLES, RATES, Case, advance, golden, keras_single_step, mixed, narrow
from trajectory import parity_values, run

FILE = "ftrl.json"

DEFAULTS = {
    "lr": 1e-3,
    "lr_power": -0.5,
    "initial_accumulator_value": 0.1,
    "l1": 0.0,
    "l2": 0.0,
    "l2_shrinkage": 0.0,
    "beta": 0.0,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "z_init": "zero",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        lr, e, l1 = o["lr"], -o["lr_power"], o["l1"]
        if lr == 0:  # a divisor: a schedule that reaches it stops the group, state and count too
            continue
        constant = 2 * o["l2"] + o["beta"] / lr
        for p in group.parameters:  # before the decay of this step, which advance applies
            if p.grad is not None and not p.state:
                p.state["accum"] = n = np.full_like(p.value, o["initial_accumulator_value"])
                p.state["linear"] = np.zeros_like(p.value)
                if o["z_init"] == "anchored":
                    p.state["linear"] = -p.value * (n**e / lr + constant) - l1 * np.sign(p.value)
        for p, g in advance(group):
            s = p.state
            n, z = s["accum"], s["linear"]
            after = n + g * g
            z = z + (g + 2 * o["l2_shrinkage"] * p.value) - (after**e - n**e) / lr * p.value
            p.value = (np.clip(z, -l1, l1) - z) / (after**e / lr + constant)
            s["accum"], s["linear"] = after, z


RULES = {"ftrl": Rule("ftrl", DEFAULTS, step)}


def cases():
    full = {"lr": 0.1, "lr_power": -0.6, "initial_accumulator_value": 0.2, "l1": 0.05, "l2": 0.1,
            "l2_shrinkage": 0.05, "beta": 0.3, "weight_decay": 0.1}
    yield golden("k_ftrl", "ftrl", {"lr": 0.1},
                 (-0.4848513670852, -0.3287781295152, -0.07844100678472))
    yield golden("k_ftrl_x", "ftrl", full,
                 (-0.4548759691812, -0.4123810360725, -0.198102497843))

    yield mixed("ftrl: defaults, missing gradients", "ftrl", {}, 1501, missing=HOLES)
    yield mixed("ftrl: two groups, coupled and decoupled decay, both starts", "ftrl",
                {**full, "decay_mode": "coupled", "weight_decay": 0.4, "z_init": "anchored"}, 1503,
                missing=HOLES,
                second={"lr": 0.3, "lr_power": -0.3, "initial_accumulator_value": 0.7, "l1": 0.2,
                        "weight_decay": 0.3, "maximize": True})
    for n, start in enumerate(("zero", "anchored")):
        for decay_mode in ("coupled", "decoupled"):
            # The first and the fourth step do nothing: the rate is zero.
            yield mixed(f"ftrl: start {start}, decay {decay_mode}, l1, rate changes", "ftrl",
                        {**full, "lr": 0.2, "weight_decay": 0.5, "z_init": start,
                         "decay_mode": decay_mode}, 1505 + 2 * n, missing=HOLES,
                        lr_scale=[0, *RATES[1:]])
        for power in (0.0, -0.25, -1.0):
            yield mixed(f"ftrl: start {start}, power {power}", "ftrl",
                        {"lr": 0.15, "lr_power": power, "l1": 0.1, "beta": 0.5, "z_init": start,
                         "initial_accumulator_value": 0.3}, 1509 + 2 * n, missing=HOLES)
        yield mixed(f"ftrl: start {start}, accumulator from zero", "ftrl",
                    {"lr": 0.2, "initial_accumulator_value": 0.0, "l2": 0.3, "l2_shrinkage": 0.1,
                     "z_init": start}, 1513 + 2 * n, missing=HOLES)
        yield mixed(f"ftrl: start {start}, zero gradients", "ftrl",
                    {**full, "z_init": start}, 1517 + 2 * n,
                    zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("ftrl: accumulator from zero with a constant power, anchored", "ftrl",
                {"lr": 0.2, "lr_power": 0.0, "initial_accumulator_value": 0.0, "l1": 0.1,
                 "z_init": "anchored"}, 1521, missing=HOLES)
    yield mixed("ftrl: a large l1 gives exact zeros", "ftrl", {"lr": 0.2, "l1": 1e3}, 1523,
                missing=HOLES)
    yield mixed("ftrl: some weights come back from zero", "ftrl", {"lr": 0.1, "l1": 2.0}, 1525,
                steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("ftrl: maximize, anchored, coupled decay, forty steps", "ftrl",
                {"lr": 0.1, "weight_decay": 0.2, "decay_mode": "coupled", "z_init": "anchored",
                 "maximize": True}, 1527, steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("ftrl: rates zero move nothing", "ftrl", {"lr": 0.1, "weight_decay": 0.1}, 1529,
                lr_scale=[0] * 12, tolerance=0.0)
    yield from narrow("ftrl", {"lr": 0.1, "l1": 0.01, "weight_decay": 0.1, "z_init": "anchored"},
                      1531)


def verify(histories, near):
    ftrl = RULES["ftrl"]
    near("Keras: one step on four numbers", keras_single_step(ftrl, {}),
         [0.2218, 1.3954, 2.3651, 2.8814], 5e-4)
    anchored = {"lr": 0.1, "z_init": "anchored"}
    plain = {"lr": 0.1, "initial_accumulator_value": 0.1, "eps": 0.0}
    by_ftrl = run(Case("", "ftrl", [(anchored, parity_values())], "parity", 60, ()), ftrl)
    by_adagrad = run(Case("", "adagrad", [(plain, parity_values())], "parity", 60, ()),
                     adagrad.RULES["adagrad"])
    for a, b in zip(by_ftrl[60], by_adagrad[60]):
        near("anchored FTRL without regularisation is AdaGrad", a, b, 1e-13)
    held = {**anchored, "l1": 0.7, "l2": 0.2, "beta": 0.3}
    zeros = [[np.zeros_like(value) for value in parity_values()]] * 3
    still = run(Case("", "ftrl", [(held, parity_values())], zeros, 3, ()), ftrl)
    for a, b in zip(still[3], still[0]):
        near("zero gradients keep an anchored parameter", a, b, 1e-14)
    exact = histories["ftrl: a large l1 gives exact zeros"][12]
    for n in (0, 1, 4):
        near("a large l1 gives exact zeros", exact[n], 0.0, 0.0)
    sparse = histories["ftrl: some weights come back from zero"]
    counts = [sum(int(np.sum(value == 0)) for value in values) for values in sparse]
    near("weights go to zero and come back", float(max(counts) > counts[40] > 0), 1.0, 0.0)
