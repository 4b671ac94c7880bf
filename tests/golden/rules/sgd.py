"""SGD: heavy ball and Nesterov, velocity in gradients or in steps."""

from rules import Rule
from trajectory import HOLES, Case, advance, golden, keras_single_step, mixed, parity_values, run

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
}


def step(groups):
    for group in groups:
        o = group.options
        lr, mu, tau = o["lr"], o["momentum"], o["dampening"]
        for p, g in advance(group):
            if mu == 0:
                p.value = p.value - lr * g
                continue
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


def torch_form(torch, groups):
    for o, _ in groups:
        if o["velocity"] != "gradient" or o["first_buffer"] != "first_grad":
            return None
        if o["decay_mode"] != "coupled" and o["weight_decay"] != 0:
            return None
    names = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
    return torch.optim.SGD([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {"sgd": Rule("sgd", DEFAULTS, step, torch_form)}


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
    yield mixed("sgd: rate zero moves nothing", "sgd",
                {"lr": 0.0, "momentum": 0.9, "weight_decay": 0.1}, 117, tolerance=0.0)
    yield mixed("sgd: float32", "sgd", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, 119,
                missing=HOLES, dtype="float32", tolerance=2e-6)
    for dtype, tolerance in (("bfloat16", 5e-2), ("float16", 5e-3)):
        yield mixed(f"sgd: {dtype}", "sgd", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
                    121, missing=HOLES, dtype=dtype, tolerance=tolerance)


def verify(histories, near):
    sgd = RULES["sgd"]
    near("Keras: one step on four numbers", keras_single_step(sgd, {}), [0.5, -1, -0.5, 3], 1e-12)
    velocity_in_steps = {"lr": 0.05, "momentum": 0.9, "velocity": "step"}
    same = run(Case("", "sgd", [(velocity_in_steps, parity_values())], "parity", 60, ()), sgd)
    for a, b in zip(histories["sgd_mom"][60], same[60]):
        near("velocity in steps equals velocity in gradients at constant rate", a, b, 1e-12)
