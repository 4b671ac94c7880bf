"""LAMB: Adam's direction, its length set per tensor by a ratio of norms."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, MIXED_SHAPES, Case, advance, drawn_rows, golden, keras_five_steps
from trajectory import keras_single_step, mixed, norm

FILE = "lamb.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-6,
    "weight_decay": 0.0,
    "bias_correction": True,
    "phi_min": 0.0,
    "phi_max": math.inf,
    "norm": "joint",
    "decay_place": "in_update",
    "trust_clip": False,
    "grad_averaging": True,
    "max_grad_norm": 0.0,
    "adapt_1d": True,
    "maximize": False,
}


def step(groups):
    squares = [np.sum(p.grad**2) for group in groups for p in group.parameters
               if p.grad is not None]
    overall = math.sqrt(float(sum(squares)))
    for group in groups:
        o = group.options
        lr, (b1, b2), wd = o["lr"], o["betas"], o["weight_decay"]
        for p, g in advance(group):
            s = p.state
            if o["max_grad_norm"] > 0:
                g = g / max(overall / o["max_grad_norm"], 1.0)
            s["m"] = m = b1 * s.get("m", 0.0) + ((1 - b1) if o["grad_averaging"] else 1.0) * g
            s["v"] = v = b2 * s.get("v", 0.0) + (1 - b2) * g * g
            c1, c2 = (1 - b1**p.t, 1 - b2**p.t) if o["bias_correction"] else (1.0, 1.0)
            u = (m / c1) / (np.sqrt(v) / math.sqrt(c2) + o["eps"])
            if o["decay_place"] == "in_update":
                direction = u + wd * p.value
            else:
                p.value = p.value * (1 - lr * wd)
                direction = u
            w = min(max(norm(p.value), o["phi_min"]), o["phi_max"])
            q = norm(direction) if o["norm"] == "joint" else norm(u) + wd * norm(p.value)
            r = w / q if w > 0 and q > 0 else 1.0
            if o["trust_clip"]:
                r = min(r, 1.0)
            if not o["adapt_1d"] and p.value.ndim <= 1:
                r = 1.0
            p.value = p.value - lr * r * direction


RULES = {"lamb": Rule("lamb", DEFAULTS, step)}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("lamb", "lamb", at, (-0.8230747518928, -0.7449252720862, -0.5154306835236))
    yield golden("lamb_clip", "lamb", {**at, "max_grad_norm": 1.0, "trust_clip": True},
                 (-0.8230732158456, -0.7450128714472, -0.5188650643349))
    yield golden("lamb_v3", "lamb", {**at, "bias_correction": False, "phi_max": 10.0},
                 (-0.8233117203215, -0.7448987684075, -0.5215472116577))
    yield golden("lamb_phi", "lamb", {**at, "phi_min": 0.5, "phi_max": 1.5},
                 (-0.8287400334947, -0.8178056857204, -0.7179328123524))
    yield golden("lamb_separate", "lamb", {**at, "norm": "separate"},
                 (-0.8230588629814, -0.7450299250787, -0.5155362487143))
    yield golden("k_lamb", "lamb", {**at, "decay_place": "decoupled", "eps": 1e-7},
                 (-0.8226141522547, -0.7375353107706, -0.4927280865798))

    rates = [1, 0.5, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7]
    yield mixed("lamb: defaults, missing gradients", "lamb", {}, 401, missing=HOLES)
    yield mixed("lamb: two groups", "lamb",
                {"lr": 0.02, "betas": [0.8, 0.95], "weight_decay": 0.3}, 403, missing=HOLES,
                second={"lr": 0.005, "betas": [0.95, 0.9], "eps": 1e-2, "bias_correction": False,
                        "norm": "separate", "trust_clip": True})
    yield mixed("lamb: rate changes", "lamb", {"lr": 0.02, "weight_decay": 0.2}, 405,
                missing=HOLES, lr_scale=rates)
    yield mixed("lamb: vectors and scalars without the ratio", "lamb",
                {"lr": 0.02, "weight_decay": 0.2, "adapt_1d": False}, 407,
                missing=HOLES - {(t, 2) for t in range(1, 61)})
    yield mixed("lamb: vectors without the ratio, trust clip, decay decoupled", "lamb",
                {"lr": 0.02, "weight_decay": 0.2, "adapt_1d": False, "trust_clip": True,
                 "decay_place": "decoupled"}, 409, missing=HOLES)
    yield mixed("lamb: gradients summed, not averaged", "lamb",
                {"lr": 0.02, "betas": [0.6, 0.9], "grad_averaging": False}, 411, missing=HOLES)
    yield mixed("lamb: gradients summed, no bias correction", "lamb",
                {"lr": 0.02, "betas": [0.6, 0.9], "grad_averaging": False,
                 "bias_correction": False, "weight_decay": 0.1}, 413, missing=HOLES)
    yield mixed("lamb: separate norms with decay, rate changes", "lamb",
                {"lr": 0.02, "weight_decay": 0.8, "norm": "separate"}, 415, missing=HOLES,
                lr_scale=rates)
    yield mixed("lamb: decoupled decay, rate changes", "lamb",
                {"lr": 0.02, "weight_decay": 0.8, "decay_place": "decoupled"}, 417, missing=HOLES,
                lr_scale=rates)
    yield mixed("lamb: separate norms, decoupled decay", "lamb",
                {"lr": 0.02, "weight_decay": 0.8, "norm": "separate",
                 "decay_place": "decoupled"}, 419, missing=HOLES)
    yield mixed("lamb: trust clip", "lamb", {"lr": 0.02, "trust_clip": True}, 421, missing=HOLES)
    clip = {"lr": 0.02, "weight_decay": 0.1, "max_grad_norm": 0.5}
    yield mixed("lamb: gradient norm over both groups", "lamb", clip, 423, missing=HOLES,
                second={**clip, "lr": 0.005, "betas": [0.5, 0.9]})
    yield mixed("lamb: gradient norm over all parameters, clipped in one group", "lamb", clip, 425,
                missing=HOLES, second={"lr": 0.005})
    yield mixed("lamb: gradient norm below its bound changes nothing", "lamb",
                {"lr": 0.02, "max_grad_norm": 1e3}, 427, missing=HOLES)
    yield mixed("lamb: maximize with decay and clipping", "lamb",
                {"lr": 0.02, "weight_decay": 0.3, "max_grad_norm": 1.0, "maximize": True}, 429,
                missing=HOLES)
    yield mixed("lamb: zero gradients", "lamb", {"lr": 0.02, "weight_decay": 0.3}, 431,
                zero={(t, p) for t in (1, 2, 5) for p in range(5)})
    zeros = [np.zeros(shape) for shape in MIXED_SHAPES]
    for name, options in (("ratio one", {}), ("phi_min moves it", {"phi_min": 0.3}),
                          ("phi_min and phi_max", {"phi_min": 0.3, "phi_max": 0.35})):
        options = {"lr": 0.02, "betas": [0.8, 0.9], "weight_decay": 0.1, **options}
        yield Case(f"lamb: all-zero parameters, {name}", "lamb", [(options, zeros)],
                   drawn_rows(433, MIXED_SHAPES, 6, zero={(1, 0), (2, 0)}), 6, (1, 2, 3, 6))
    yield mixed("lamb: rate zero moves nothing", "lamb", {"lr": 0.0, "weight_decay": 0.1}, 435,
                tolerance=0.0)
    yield mixed("lamb: float32", "lamb", {"lr": 0.01, "weight_decay": 0.1}, 437, missing=HOLES,
                dtype="float32", tolerance=2e-6)
    for dtype, tolerance in (("bfloat16", 5e-2), ("float16", 5e-3)):
        yield mixed(f"lamb: {dtype}", "lamb",
                    {"lr": 0.01, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.1}, 439,
                    missing=HOLES, dtype=dtype, tolerance=tolerance)


def verify(histories, near):
    lamb = RULES["lamb"]
    near("Keras: one step on four numbers", keras_single_step(lamb, {"eps": 1e-7}),
         [-0.3693, 0.6306, 1.6306, 2.6306], 5e-4)
    five = keras_five_steps(lamb, {"eps": 1e-7})
    # Keras compares with rtol and atol 5e-4 each, hence 1e-3 on values near one.
    near("Keras: five steps", five.T, [0.999, 0.9982, 0.9974, 0.9965, 0.9955], 1e-3)
