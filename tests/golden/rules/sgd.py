"""SGD: heavy ball, Nesterov and look-ahead Nesterov, velocity in gradients or in steps."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, Case, Group, Parameter, advance, decays, golden
from trajectory import keras_single_step, mixed, parity_values, run

FILE = "sgd.json"

DEFAULTS = {
    "lr": 1e-3,
    "momentum": 0.0,
    "dampening": 0.0,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "nesterov": False,
    "maximize": False,
    "first_buffer": "first_grad",
    "velocity": "gradient",
    "lookahead": False,
}


def asks_at(group, p):
    """Where the velocity alone would carry the parameter, else where it is."""
    o, b = group.options, p.state.get("momentum_buffer")
    if not o["lookahead"] or b is None:
        return p.value
    return p.value + o["momentum"] * b * (1.0 if o["velocity"] == "step" else -o["lr"])


def ahead(group):
    """What advance yields, with coupled decay taken at the point of the gradient."""
    o, wd = group.options, group.options["weight_decay"]
    for p in group.parameters:
        if p.grad is None:
            continue
        g = -p.grad if o["maximize"] else p.grad
        if wd != 0.0 and o["decay_mode"] == "coupled":
            g = g + wd * asks_at(group, p)
        elif wd != 0.0:
            p.value = p.value * (1 - o["lr"] * wd)
        p.t += 1
        yield p, g


def move(p, g, o):
    """The rule after decay: moves the parameter by the gradient g and its velocity."""
    lr, mu, tau = o["lr"], o["momentum"], o["dampening"]
    if mu == 0:
        p.value = p.value - lr * g
        return
    b = p.state.get("momentum_buffer")
    if o["velocity"] == "step":
        b = mu * (0.0 if b is None else b) - lr * (1 - tau) * g
        p.value = p.value + (mu * b - lr * g if o["nesterov"] else b)
    else:
        if b is None:
            b = g if o["first_buffer"] == "first_grad" else (1 - tau) * g
        else:
            b = mu * b + (1 - tau) * g
        p.value = p.value - lr * (g + mu * b if o["nesterov"] else b)
    p.state["momentum_buffer"] = b


def step(groups):
    for group in groups:
        for p, g in (ahead if group.options["lookahead"] else advance)(group):
            move(p, g, group.options)


def torch_form(torch, groups):
    for o, _ in groups:
        if o["velocity"] != "gradient" or o["first_buffer"] != "first_grad" or o["lookahead"]:
            return None
        if o["decay_mode"] != "coupled" and o["weight_decay"] != 0:
            return None
    names = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    return torch.optim.SGD([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {"sgd": Rule("sgd", DEFAULTS, step, torch_form, asks_at)}


def cases():
    decaying = [0.97**n for n in range(60)]
    ball = {"lr": 0.05, "momentum": 0.9}
    yield golden("sgd", "sgd", {"lr": 0.05},
                 (-0.7529364218365, -0.1280256215282, 0.006159660846922))
    yield golden("sgd_wd", "sgd", {"lr": 0.05, "weight_decay": 0.1},
                 (-0.748804886517, -0.1218431483255, -0.0009809057644413))
    yield golden("sgd_mom", "sgd", ball, (-0.7529364218365, 0.7395161026361, 0.05930544370777))
    yield golden("sgd_damp", "sgd", {**ball, "dampening": 0.4},
                 (-0.7529364218365, 0.6996810072116, -0.05064680760341))
    yield golden("sgd_nag", "sgd", {**ball, "nesterov": True, "weight_decay": 0.1},
                 (-0.6790529268779, 0.3196755713201, -0.03470492957777))
    yield golden("sgd_max", "sgd", {"lr": 0.001, "momentum": 0.9, "maximize": True},
                 (-0.827774476735, -0.9107727002676, -1.997196809267))
    yield golden("sgdw", "sgd", {**ball, "weight_decay": 0.1, "decay_mode": "decoupled"},
                 (-0.748804886517, 0.7117394590104, 0.04684328754433))
    yield golden("sgd_mom_sched", "sgd", ball,
                 (-0.7529364218365, 0.7201123777875, 0.01131272625266), lr_scale=decaying)
    yield golden("sgd_vel_sched", "sgd", {**ball, "velocity": "step"},
                 (-0.7529364218365, 0.8167514274594, 0.009524011399849), lr_scale=decaying)
    yield golden("sgd_ema", "sgd", {**ball, "dampening": 0.9, "first_buffer": "zero"},
                 (-0.8189699996881, -0.4270419897177, -0.01538690859464))
    yield golden("sgd_damp_zero", "sgd", {**ball, "dampening": 0.4, "first_buffer": "zero"},
                 (-0.7822846786594, 0.6715158980521, -0.0462364677423))
    yield golden("k_sgd_nag", "sgd", {**ball, "nesterov": True, "velocity": "step"},
                 (-0.6869028439849, 0.3701756800239, -0.02849498350435))
    yield golden("nag_lookahead", "sgd", {**ball, "lookahead": True, "velocity": "step"},
                 (-0.7529364218365, 0.4275590495797, -0.0111916676955))
    yield golden("nag_la_ema", "sgd",
                 {**ball, "lookahead": True, "dampening": 0.9, "first_buffer": "zero"},
                 (-0.8189699996881, -0.4336466167166, 0.004082404867235))

    yield mixed("sgd: defaults, missing gradients", "sgd", {}, 101, missing=HOLES)
    yield mixed("sgd: two groups, one with momentum", "sgd",
                {"lr": 0.1, "weight_decay": 0.02}, 103, missing=HOLES,
                second={"lr": 0.03, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.5,
                        "decay_mode": "decoupled", "maximize": True})
    yield mixed("sgd: nesterov, coupled decay, missing gradients, rate changes", "sgd",
                {"lr": 0.04, "momentum": 0.85, "nesterov": True, "weight_decay": 0.2}, 105,
                missing=HOLES, lr_scale=[1, 0.5, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7])
    yield mixed("sgd: nesterov, decoupled decay, first buffer zero", "sgd",
                {"lr": 0.04, "momentum": 0.85, "nesterov": True, "weight_decay": 0.2,
                 "decay_mode": "decoupled", "first_buffer": "zero"}, 107, missing=HOLES)
    yield mixed("sgd: dampened velocity in steps, rate changes, maximize", "sgd",
                {"lr": 0.04, "momentum": 0.85, "dampening": 0.25, "velocity": "step",
                 "weight_decay": 0.2, "maximize": True}, 109, missing=HOLES,
                lr_scale=[0.5, 1, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7])
    yield mixed("sgd: nesterov velocity in steps, decoupled decay, rate changes", "sgd",
                {"lr": 0.04, "momentum": 0.85, "nesterov": True, "velocity": "step",
                 "weight_decay": 0.2, "decay_mode": "decoupled"}, 111, missing=HOLES,
                lr_scale=[0.5, 1, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7])
    yield mixed("sgd: momentum above one, negative dampening", "sgd",
                {"lr": 0.01, "momentum": 1.1, "dampening": -0.5}, 113, missing=HOLES)
    yield mixed("sgd: zero gradients still decay and coast", "sgd",
                {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, 115,
                zero={(t, p) for t in (1, 3, 4, 5) for p in range(5)})
    yield from look_ahead_cases()
    yield mixed("sgd: rate zero moves nothing", "sgd",
                {"lr": 0.0, "momentum": 0.9, "weight_decay": 0.1}, 117, tolerance=0.0)
    yield mixed("sgd: float32", "sgd", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, 119,
                missing=HOLES, dtype="float32", tolerance=2e-6)
    for dtype, tolerance in (("bfloat16", 5e-2), ("float16", 5e-3)):
        yield mixed(f"sgd: {dtype}", "sgd", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
                    121, missing=HOLES, dtype=dtype, tolerance=tolerance)


def look_ahead_cases():
    """The gradient depends on where it is asked for, except in the last two."""
    rates = [0.5, 1, 2, 0, 1.5, 1, 0.1, 3, 1, 0.7]

    def parity(name, options, second=None, scaled=True, steps=10):
        values = parity_values()
        groups = [(options, values)] if second is None else [(options, values[:2]),
                                                             (second, values[2:])]
        return Case(f"sgd: look-ahead, {name}", "sgd", groups, "parity", steps,
                    (2, steps), lr_scale=rates if scaled else None)

    ball = {"lr": 0.05, "momentum": 0.85, "lookahead": True}
    for velocity in ("gradient", "step"):
        yield parity(f"velocity {velocity}, dampening, coupled decay, rate changes",
                     {**ball, "dampening": 0.3, "velocity": velocity, "weight_decay": 0.4})
        yield parity(f"velocity {velocity}, decoupled decay, maximize, rate changes",
                     {**ball, "lr": 0.02, "velocity": velocity, "weight_decay": 0.4,
                      "decay_mode": "decoupled", "maximize": True})
    yield parity("first buffer zero, dampening, both decays",
                 {**ball, "dampening": 0.3, "first_buffer": "zero", "weight_decay": 0.2},
                 second={**ball, "dampening": -0.2, "first_buffer": "first_grad",
                         "weight_decay": 0.5, "decay_mode": "decoupled"}, scaled=False)
    yield parity("beside a group that does not, and both velocities",
                 {**ball, "momentum": 0.7, "velocity": "step"},
                 second={"lr": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1})
    for velocity in ("gradient", "step"):
        yield mixed(f"sgd: look-ahead, velocity {velocity}, missing gradients, rate changes",
                    "sgd", {**ball, "dampening": 0.2, "velocity": velocity, "weight_decay": 0.3},
                    123, missing=HOLES, lr_scale=RATES,
                    second={**ball, "lr": 0.02, "velocity": velocity, "weight_decay": 0.6,
                            "decay_mode": "decoupled", "maximize": True})
    yield golden("sgd_cautdecay", "sgd",
                 {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1, "decay_mode": "decoupled",
                  "cautious_decay": True},
                 (-0.7489668387492, 0.7198401532234, 0.05088881267516))
    yield from decays("sgd", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.4,
                              "decay_mode": "decoupled"}, 187)



def verify(histories, near):
    sgd = RULES["sgd"]
    near("Keras: one step on four numbers", keras_single_step(sgd, {}), [0.5, -1, -0.5, 3], 1e-12)
    velocity_in_steps = {"lr": 0.05, "momentum": 0.9, "velocity": "step"}
    same = run(Case("", "sgd", [(velocity_in_steps, parity_values())], "parity", 60, ()), sgd)
    for a, b in zip(histories["sgd_mom"][60], same[60]):
        near("velocity in steps equals velocity in gradients at constant rate", a, b, 1e-12)

    # On an objective that does not change, the point asked at in step t+1 is the Nesterov iterate
    # after t steps.
    def follow(options):
        group = Group({**DEFAULTS, **velocity_in_steps, **options},
                      [Parameter(value) for value in parity_values()])
        for _ in range(25):
            for p in group.parameters:
                at = asks_at(group, p)
                p.grad = 0.7 * at + 0.3 * np.sin(2 * at)
            step([group])
        return [asks_at(group, p) for p in group.parameters]

    for a, b in zip(follow({"lookahead": True}), follow({"nesterov": True})):
        near("look-ahead and Nesterov visit the same points", a, b, 1e-13)
