"""RMSprop: centered or not, with momentum, and with a gain for every weight."""

import itertools

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, keras_single_step, mixed, narrow

FILE = "rmsprop.json"

DEFAULTS = {
    "lr": 1e-2,
    "alpha": 0.99,
    "eps": 1e-8,
    "eps_mode": "outside",
    "momentum": 0.0,
    "centered": False,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "init": "zero",
    "velocity": "gradient",
    "sign_gain": False,
    "gain_up": 1.2,
    "gain_down": 0.5,
    "gain_min": 1e-6,
    "gain_max": 50.0,
    "maximize": False,
}


def gained(u, g, s, o):
    """u times the gain of each weight, which follows the signs of the last two gradients."""
    product = g * s.get("prev_grad", np.zeros_like(g))
    factor = np.where(product > 0, o["gain_up"], np.where(product < 0, o["gain_down"], 1.0))
    gain = np.clip(s.get("gain", np.ones_like(g)) * factor, o["gain_min"], o["gain_max"])
    s["prev_grad"], s["gain"] = g, gain
    return gain * u


def step(groups):
    for group in groups:
        o = group.options
        lr, alpha, mu = o["lr"], o["alpha"], o["momentum"]
        for p, g in advance(group):
            s = p.state
            start = g * g if o["init"] == "first_grad_squared" else np.zeros_like(g)
            s["square_avg"] = x = alpha * s.get("square_avg", start) + (1 - alpha) * g * g
            if o["centered"]:
                s["grad_avg"] = a = alpha * s.get("grad_avg", 0.0) + (1 - alpha) * g
                x = x - a * a
            u = g / (np.sqrt(x) + o["eps"] if o["eps_mode"] == "outside" else np.sqrt(x + o["eps"]))
            if o["sign_gain"]:
                u = gained(u, g, s, o)
            if mu == 0:
                p.value = p.value - lr * u
                continue
            by = 1.0 if o["velocity"] == "gradient" else lr
            s["momentum_buffer"] = b = mu * s.get("momentum_buffer", 0.0) + by * u
            p.value = p.value - (lr * b if o["velocity"] == "gradient" else b)


def torch_form(torch, groups):
    for o, _ in groups:
        if o["eps_mode"] != "outside" or o["init"] != "zero" or o["sign_gain"]:
            return None
        if o["velocity"] != "gradient" and o["momentum"] != 0:
            return None
        if o["decay_mode"] != "coupled" and o["weight_decay"] != 0:
            return None
    names = ("lr", "alpha", "eps", "momentum", "centered", "weight_decay", "maximize")
    return torch.optim.RMSprop([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {"rmsprop": Rule("rmsprop", DEFAULTS, step, torch_form)}


def cases():
    fast = {"lr": 0.01, "alpha": 0.9}
    keras = {**fast, "eps": 1e-7, "eps_mode": "inside"}
    yield golden("rmsprop", "rmsprop", {},
                 (-0.7918934021367, -0.3973994736021, -0.05269111502482))
    yield golden("rmsprop_x", "rmsprop",
                 {**fast, "momentum": 0.5, "centered": True, "weight_decay": 0.1},
                 (-0.8148359082809, -0.4805544394105, -0.03110211422644))
    yield golden("rmsprop_in", "rmsprop", {**fast, "eps": 1e-8, "eps_mode": "inside"},
                 (-0.8154232359629, -0.6493582247355, -0.277442195133))
    yield golden("rmsprop_sigma0", "rmsprop", {**fast, "init": "first_grad_squared"},
                 (-0.8228657208442, -0.6965194013759, -0.3427667008839))
    yield golden("rmsprop_gain", "rmsprop", {**fast, "sign_gain": True},
                 (-0.8154245640771, -0.5863801004215, -0.06222838336035))
    yield golden("k_rmsprop", "rmsprop", keras,
                 (-0.8154110591813, -0.6493515549, -0.2774420840545))
    yield golden("k_rmsprop_x", "rmsprop",
                 {**keras, "velocity": "step", "momentum": 0.5, "centered": True,
                  "weight_decay": 0.1, "decay_mode": "decoupled"},
                 (-0.8139937757638, -0.4739614199692, -0.0313111560445))

    yield mixed("rmsprop: defaults, missing gradients", "rmsprop", {}, 901, missing=HOLES)
    yield mixed("rmsprop: two groups, coupled and decoupled decay", "rmsprop",
                {"lr": 0.02, "alpha": 0.8, "eps": 1e-2, "momentum": 0.6, "weight_decay": 0.4}, 903,
                missing=HOLES,
                second={"lr": 0.03, "alpha": 0.7, "eps": 0.1, "eps_mode": "inside",
                        "centered": True, "weight_decay": 0.5, "decay_mode": "decoupled",
                        "maximize": True})
    yield mixed("rmsprop: two groups, momentum in one and centered in the other", "rmsprop",
                {"lr": 0.02, "alpha": 0.8, "momentum": 0.6, "weight_decay": 0.4}, 905,
                missing=HOLES,
                second={"lr": 0.03, "alpha": 0.7, "eps": 0.1, "centered": True, "maximize": True})
    at = {"lr": 0.03, "alpha": 0.8, "eps": 0.05, "weight_decay": 0.3}
    # Every form of the root with every form of the velocity; the start and the gain alternate.
    forms = itertools.product(("outside", "inside"), (False, True), ("gradient", "step"))
    for n, (mode, centered, velocity) in enumerate(forms):
        gain, init = n % 2 == 1, ("zero", "first_grad_squared")[n // 2 % 2]
        name = f"rmsprop: eps {mode}{', centered' if centered else ''}, velocity {velocity}"
        name += f", start {init}{', gain' if gain else ''}, rate changes"
        yield mixed(name, "rmsprop",
                    {**at, "eps_mode": mode, "centered": centered, "momentum": 0.7,
                     "velocity": velocity, "sign_gain": gain, "init": init,
                     "decay_mode": ("decoupled", "coupled")[n // 4]}, 907 + 2 * n, missing=HOLES,
                    lr_scale=RATES, record=(1, 2, 12))
    yield mixed("rmsprop: gain runs into both of its bounds", "rmsprop",
                {**at, "sign_gain": True, "gain_up": 1.9, "gain_down": 0.3, "gain_min": 0.2,
                 "gain_max": 2.5}, 925, steps=40, missing=HOLES, record=(1, 7, 40))
    yield mixed("rmsprop: gain starts outside its bounds, a zero gradient leaves it there",
                "rmsprop", {"lr": 0.03, "sign_gain": True, "gain_min": 1.5, "gain_max": 3.0}, 927,
                zero={(t, p) for t in (2, 5) for p in range(5)})
    yield mixed("rmsprop: gain sees the decayed gradient, gradients between zero", "rmsprop",
                {**at, "sign_gain": True, "weight_decay": 1.5, "maximize": True,
                 "velocity": "step", "momentum": 0.3}, 929, lr_scale=RATES,
                zero={(t, p) for t in (1, 4, 5) for p in range(5)})
    yield mixed("rmsprop: alpha zero is a step by sign", "rmsprop",
                {"lr": 0.03, "alpha": 0.0, "momentum": 0.4}, 931, missing=HOLES)
    yield mixed("rmsprop: zero gradients before the first and between others", "rmsprop",
                {"lr": 0.03, "alpha": 0.8, "centered": True, "momentum": 0.5, "eps": 1e-3,
                 "init": "first_grad_squared"}, 933,
                zero={(t, p) for t in (1, 2, 6) for p in range(5)})
    yield mixed("rmsprop: rate zero moves nothing", "rmsprop",
                {"lr": 0.0, "weight_decay": 0.1, "momentum": 0.5}, 935, tolerance=0.0)
    yield from narrow("rmsprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "momentum": 0.5,
                                  "weight_decay": 0.1}, 937)


def verify(histories, near):
    form = {"alpha": 0.9, "eps": 1e-7, "eps_mode": "inside"}
    near("Keras: one step on four numbers", keras_single_step(RULES["rmsprop"], form),
         [-0.5811, 0.4189, 1.4189, 2.4189], 5e-4)
