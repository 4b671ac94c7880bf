"""AdaDelta: steps in the ratio of two running root mean squares."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, keras_single_step, mixed, narrow

FILE = "adadelta.json"

DEFAULTS = {
    "lr": 1.0,
    "rho": 0.9,
    "eps": 1e-6,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "maximize": False,
}


def step(groups):
    for group in groups:
        o = group.options
        rho, eps = o["rho"], o["eps"]
        for p, g in advance(group):
            s = p.state
            u = s.get("acc_delta", np.zeros_like(g))
            s["square_avg"] = v = rho * s.get("square_avg", 0.0) + (1 - rho) * g * g
            d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
            s["acc_delta"] = rho * u + (1 - rho) * d * d
            p.value = p.value - o["lr"] * d


def torch_form(torch, groups):
    for o, _ in groups:
        if o["decay_mode"] != "coupled" and o["weight_decay"] != 0:
            return None
    names = ("lr", "rho", "eps", "weight_decay", "maximize")
    return torch.optim.Adadelta([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {"adadelta": Rule("adadelta", DEFAULTS, step, torch_form)}


def cases():
    yield golden("adadelta", "adadelta", {},
                 (-0.8252053604587, -0.7785390738187, -0.6080951173045))
    yield golden("adadelta_wd", "adadelta", {"lr": 2.0, "rho": 0.95, "weight_decay": 0.1},
                 (-0.8231879165983, -0.7059048880072, -0.3951746335955))
    yield golden("k_adadelta", "adadelta", {"rho": 0.95, "eps": 1e-7},
                 (-0.8258191753881, -0.8048128391041, -0.7156193543358))

    yield mixed("adadelta: defaults, missing gradients", "adadelta", {}, 801, missing=HOLES)
    yield mixed("adadelta: two groups, coupled and decoupled decay", "adadelta",
                {"lr": 1.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.4}, 803, missing=HOLES,
                second={"lr": 0.5, "rho": 0.6, "eps": 1e-2, "weight_decay": 0.3,
                        "decay_mode": "decoupled", "maximize": True})
    for n, decay_mode in enumerate(("coupled", "decoupled")):
        yield mixed(f"adadelta: decay {decay_mode}, rate changes", "adadelta",
                    {"lr": 0.8, "rho": 0.7, "eps": 1e-2, "weight_decay": 0.2,
                     "decay_mode": decay_mode}, 805 + 2 * n, missing=HOLES, lr_scale=RATES)
    yield mixed("adadelta: maximize, coupled decay, forty steps", "adadelta",
                {"lr": 0.6, "rho": 0.85, "eps": 1e-4, "weight_decay": 0.2, "maximize": True}, 809,
                steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("adadelta: rho zero remembers one step", "adadelta", {"rho": 0.0, "eps": 1e-2},
                811, missing=HOLES)
    yield mixed("adadelta: rho one is plain descent", "adadelta", {"lr": 0.1, "rho": 1.0}, 813,
                missing=HOLES)
    yield mixed("adadelta: zero gradients before the first and between others", "adadelta",
                {"eps": 1e-3}, 815, zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("adadelta: rate zero moves nothing", "adadelta", {"lr": 0.0, "weight_decay": 0.1},
                817, tolerance=0.0)
    yield from narrow("adadelta", {"lr": 0.5, "eps": 1e-3, "weight_decay": 0.1}, 819)


def verify(histories, near):
    form = {"rho": 0.95, "eps": 1e-7}
    near("Keras: one step on four numbers", keras_single_step(RULES["adadelta"], form),
         [0.9993, 1.9993, 2.9993, 3.9993], 5e-4)
