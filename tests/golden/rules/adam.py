"""Adam and AdamW with every epsilon form, AMSGrad and both kinds of decay."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, decays, golden, keras_five_steps, keras_single_step
from trajectory import mixed

FILE = "adam.json"

ADAM = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "eps_mode": "outside",
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "amsgrad": False,
    "bias_correction": True,
    "cautious": "off",
    "maximize": False,
}
ADAMW = {**ADAM, "weight_decay": 1e-2, "decay_mode": "decoupled"}


def cautious(x, g, form):
    """x where it agrees in sign with the gradient, scaled up for the elements left out."""
    if form == "off" or x.size == 0:
        return x
    agree = np.where(x * g > 0, 1.0, 0.0).astype(x.dtype)
    if form == "mean_clamp":
        return x * agree / max(float(np.mean(agree)), 1e-3)
    return x * agree * (x.size / (float(np.sum(agree)) + 1))


def set_stable_ratio(groups):
    """decay_scale = stable: L = lr/(sqrt(q) + eps), q the mean of y/c2 after this step's update."""
    squares = []
    for group in groups:
        o = group.options
        b2 = o["betas"][1]
        for p in group.parameters:
            if p.grad is None:
                continue
            y = b2 * p.state.get("exp_avg_sq", 0.0) + (1 - b2) * p.grad * p.grad
            if o["amsgrad"]:
                y = np.maximum(p.state.get("max_exp_avg_sq", 0.0), y)
            squares.append((y / (1 - b2 ** (p.t + 1) if o["bias_correction"] else 1.0)).reshape(-1))
    for group in groups:
        q = float(np.mean(np.concatenate(squares))) if squares else 0.0
        group.options["stable_ratio"] = 1 / (math.sqrt(q) + group.options["eps"])


def step(groups):
    if any(group.options.get("decay_scale") == "stable" for group in groups):
        set_stable_ratio(groups)
    for group in groups:
        o = group.options
        lr, (b1, b2), eps = o["lr"], o["betas"], o["eps"]
        for p, g in advance(group):
            s = p.state
            s["exp_avg"] = m = b1 * s.get("exp_avg", 0.0) + (1 - b1) * g
            s["exp_avg_sq"] = y = b2 * s.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
            if o["amsgrad"]:
                s["max_exp_avg_sq"] = y = np.maximum(s.get("max_exp_avg_sq", 0.0), y)
            c1, c2 = (1 - b1**p.t, 1 - b2**p.t) if o["bias_correction"] else (1.0, 1.0)
            m = cautious(m, g, o["cautious"])
            if o["eps_mode"] == "outside":
                p.value = p.value - lr / c1 * m / (np.sqrt(y) / math.sqrt(c2) + eps)
            elif o["eps_mode"] == "inside":
                p.value = p.value - lr * (m / c1) / np.sqrt(y / c2 + eps)
            else:
                p.value = p.value - lr * math.sqrt(c2) / c1 * m / (np.sqrt(y) + eps)


def torch_form(torch, groups):
    modes = {o["decay_mode"] for o, _ in groups}
    if len(modes) > 1:
        return None
    for o, _ in groups:
        if o["eps_mode"] != "outside" or not o["bias_correction"] or o["cautious"] != "off":
            return None
    kind = torch.optim.Adam if modes == {"coupled"} else torch.optim.AdamW
    names = ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize")
    return kind([{"params": p, **{n: o[n] for n in names}} for o, p in groups])


RULES = {
    "adam": Rule("adam", ADAM, step, torch_form),
    "adamw": Rule("adamw", ADAMW, step, torch_form),
}


def cases():
    at = {"lr": 0.01}
    decay = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("adam", "adam", at, (-0.8228657208442, -0.7186184662663, -0.374048783562))
    yield golden("adam_ams", "adam", {**decay, "amsgrad": True},
                 (-0.8228657215527, -0.7194578904243, -0.3709714769258))
    yield golden("adamw", "adamw", decay, (-0.8220394137803, -0.7108994037292, -0.3442160603443))
    yield golden("adam_in", "adam", {**at, "eps_mode": "inside"},
                 (-0.8228656806002, -0.7186184327767, -0.3740487890518))
    yield golden("adam_nodebias", "adam", {**at, "bias_correction": False},
                 (-0.8154243328177, -0.3890257830822, 0.008109509766889))
    yield golden("amsgrad_nodebias", "adam", {**at, "bias_correction": False, "amsgrad": True},
                 (-0.8154243328177, -0.3890463262496, 0.008338977058099))
    hat = {"eps_mode": "hat", "eps": 1e-7}
    yield golden("k_adam", "adam", {**at, **hat},
                 (-0.8228649109272, -0.718618189078, -0.3740492364411))
    yield golden("k_adam_ams", "adam", {**at, **hat, "amsgrad": True},
                 (-0.8228649109272, -0.718618564388, -0.3740592489327))
    yield golden("k_adamw", "adamw", {**decay, **hat},
                 (-0.8220386038634, -0.710899132285, -0.3442164918127))
    yield golden("adamw_caut", "adamw", {**decay, "cautious": "mean_clamp"},
                 (-0.8220394137803, -0.7037572664752, -0.3484015594765))

    yield mixed("adam: defaults, missing gradients", "adam", {}, 201, missing=HOLES)
    yield mixed("adamw: defaults, missing gradients", "adamw", {}, 203, missing=HOLES)
    yield mixed("adam: two groups", "adam", {"lr": 0.02, "betas": [0.8, 0.95]}, 205, missing=HOLES,
                second={"lr": 0.005, "betas": [0.95, 0.99], "eps": 1e-3, "weight_decay": 0.3,
                        "amsgrad": True})
    yield mixed("adamw: two groups, one coupled", "adamw",
                {"lr": 0.02, "betas": [0.8, 0.95], "weight_decay": 0.2}, 207, missing=HOLES,
                second={"lr": 0.005, "betas": [0.95, 0.99], "eps_mode": "hat", "eps": 1e-2,
                        "weight_decay": 0.3, "decay_mode": "coupled", "maximize": True})
    yield mixed("adamw: amsgrad, maximize, rate changes", "adamw",
                {"lr": 0.02, "betas": [0.7, 0.9], "weight_decay": 0.2, "amsgrad": True,
                 "maximize": True}, 209, missing=HOLES,
                lr_scale=[1, 0.5, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7])
    for n, mode in enumerate(("outside", "inside", "hat")):
        for corrected in (True, False):
            for amsgrad in (False, True):
                name = f"adam: eps {mode}" + (", amsgrad" if amsgrad else "")
                name += "" if corrected else ", no bias correction"
                yield mixed(name, "adam",
                            {"lr": 0.03, "betas": [0.85, 0.93], "eps": 0.05, "eps_mode": mode,
                             "bias_correction": corrected, "amsgrad": amsgrad}, 211 + 2 * n,
                            steps=6, missing=HOLES, record=(1, 6))
    for decay_mode in ("coupled", "decoupled"):
        yield mixed(f"adam: decay {decay_mode}, eps inside", "adam",
                    {"lr": 0.03, "eps": 1e-4, "eps_mode": "inside", "weight_decay": 0.4,
                     "decay_mode": decay_mode}, 221, missing=HOLES)
    yield from cautious_cases()
    yield mixed("adam: both betas zero is a step by sign", "adam",
                {"lr": 0.03, "betas": [0.0, 0.0]}, 223, missing=HOLES)
    yield mixed("adam: zero gradients before the first and between others", "adam",
                {"lr": 0.03, "amsgrad": True}, 225,
                zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("adamw: rate zero moves nothing", "adamw", {"lr": 0.0, "weight_decay": 0.1}, 227,
                tolerance=0.0)
    yield mixed("adamw: float32", "adamw", {"lr": 0.01, "weight_decay": 0.1}, 229, missing=HOLES,
                dtype="float32", tolerance=2e-6)
    for dtype, tolerance in (("bfloat16", 5e-2), ("float16", 5e-3)):
        yield mixed(f"adamw: {dtype}", "adamw",
                    {"lr": 0.01, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.1}, 231,
                    missing=HOLES, dtype=dtype, tolerance=tolerance)


def cautious_cases():
    for n, form in enumerate(("mean_clamp", "numel_over_sum")):
        at = {"lr": 0.03, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.4, "cautious": form}
        yield mixed(f"adam: cautious {form}, coupled decay, amsgrad", "adam",
                    {**at, "amsgrad": True}, 233 + 2 * n, missing=HOLES, record=(2, 12))
        yield mixed(f"adamw: cautious {form}, maximize, rate changes", "adamw",
                    {**at, "maximize": True}, 237 + 2 * n, missing=HOLES, lr_scale=RATES,
                    record=(2, 12))
        # Gradients of four parameters vanish at some steps: then no element agrees.
        yield mixed(f"adam: cautious {form}, no bias correction, beside a group without", "adam",
                    {**at, "weight_decay": 0.0, "bias_correction": False, "eps_mode": "inside"},
                    241 + 2 * n, zero={(t, p) for t in (1, 4, 5) for p in range(5)},
                    second={"lr": 0.02, "eps_mode": "hat", "eps": 1e-2}, record=(2, 12))
    slow = [min(1, t / 10) * 0.97 ** max(0, t - 10) for t in range(1, 61)]
    yield golden("adamw_cautdecay", "adamw",
                 {"lr": 0.01, "weight_decay": 0.1, "cautious_decay": True},
                 (-0.8220718042268, -0.7109217828496, -0.3444614259505))
    yield golden("adamw_corrected", "adamw",
                 {"lr": 0.01, "weight_decay": 0.1, "decay_scale": "corrected", "max_lr": 0.01},
                 (-0.8259546665182, -0.7604389069479, -0.5583483552397), lr_scale=slow)
    yield golden("adamw_independent", "adamw",
                 {"lr": 0.01, "weight_decay": 0.001, "decay_scale": "independent",
                  "max_lr": 0.01},
                 (-0.8258802988825, -0.7591102940524, -0.5512390848014), lr_scale=slow)
    yield golden("adamw_stable", "adamw",
                 {"lr": 0.01, "weight_decay": 0.1, "decay_scale": "stable"},
                 (-0.8222979973875, -0.7132000236292, -0.3500285278803))
    at = {"lr": 0.03, "betas": [0.7, 0.9], "eps": 1e-2, "weight_decay": 0.4}
    yield from decays("adamw", at, 251)
    for n, more in enumerate(({}, {"amsgrad": True, "cautious_decay": True, "maximize": True},
                              {"bias_correction": False, "cautious": "mean_clamp"})):
        yield mixed(f"adamw: stable decay {more}", "adamw",
                    {**at, **more, "decay_scale": "stable"}, 257 + 2 * n, missing=HOLES,
                    lr_scale=RATES, second={**at, "lr": 0.01, "betas": [0.5, 0.8]})
    yield mixed("adamw: float32, cautious decay", "adamw", {**at, "cautious_decay": True}, 263,
                missing=HOLES, dtype="float32", tolerance=2e-6)
    for dtype, tolerance in (("bfloat16", 5e-2), ("float16", 5e-3)):
        yield mixed(f"adamw: {dtype}, cautious decay", "adamw", {**at, "cautious_decay": True},
                    265, missing=HOLES, dtype=dtype, tolerance=tolerance)



def verify(histories, near):
    adam, adamw = RULES["adam"], RULES["adamw"]
    near("Keras: one step on four numbers", keras_single_step(adam, {"eps_mode": "hat"}),
         [0.5, 1.5, 2.5, 3.5], 5e-4)
    near("Keras: one step of AdamW", keras_single_step(adamw, {"weight_decay": 0.004}),
         [0.4980, 1.4960, 2.494, 3.492], 5e-4)
    five = keras_five_steps(adam, {"amsgrad": True, "eps_mode": "hat", "eps": 1e-7})
    near("Keras: five steps with amsgrad", five.T, [0.999, 0.9982, 0.9974, 0.9965, 0.9955], 5e-4)
    five = keras_five_steps(adamw, {"lr": 1.0, "weight_decay": 0.5, "eps": 2.0, "eps_mode": "hat"})
    near("Keras: five steps of AdamW, first element", five[:, 0],
         [0.4998, 0.2486, 0.1223, 0.0586, 0.0263], 5e-4)
    near("Keras: five steps of AdamW, last element", five[:, 9],
         [0.4998, 0.2382, 0.1003, 0.0258, -0.0159], 5e-4)
