"""LARS: SGD whose rate each tensor scales by the ratio of its own norm to its gradient's."""

import numpy as np

from rules import Rule, sgd
from trajectory import HOLES, MIXED_SHAPES, RATES, Case, advance, drawn_rows, golden, mixed
from trajectory import narrow, norm, parity_values, run

FILE = "lars.json"

DEFAULTS = {
    "lr": 1.0,
    "momentum": 0.0,
    "dampening": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "trust_coefficient": 1e-3,
    "eps": 1e-8,
    "velocity": "gradient",
    "trust_clip": False,
    "adapt_1d": True,
    "decay_1d": True,
    "maximize": False,
}


def ratio(p, g, o, wd):
    w, q, tc = norm(p.value), norm(g), o["trust_coefficient"]
    if p.value.ndim <= 1 and not o["adapt_1d"]:
        return 1.0
    r = tc * w / (q + wd * w + o["eps"]) if w > 0 and q > 0 else 1.0
    # At rate zero the bound is the limit of r/lr; nothing moves, but the buffer fills.
    return min(r / o["lr"] if o["lr"] > 0 else 1.0, 1.0) if o["trust_clip"] else r


def step(groups):
    for group in groups:
        o = group.options
        mu = o["momentum"]
        for p, g in advance(group):
            wd = o["weight_decay"] if p.value.ndim > 1 or o["decay_1d"] else 0.0
            r = ratio(p, g, o, wd)
            g = g + wd * p.value
            if o["velocity"] == "ema":
                p.state["b"] = b = mu * p.state.get("b", 0.0) + (1 - mu) * g
                p.value = p.value - o["lr"] * r * b
            else:
                sgd.move(p, r * g, {**o, "first_buffer": "first_grad"})


RULES = {"lars": Rule("lars", DEFAULTS, step)}


def cases():
    row = {"momentum": 0.9, "weight_decay": 0.1, "trust_coefficient": 0.02}
    yield golden("lars_plain", "lars", {"trust_coefficient": 0.02, "eps": 0.0},
                 (-0.811798896826, -0.6133750521258, -0.04754838919457))
    yield golden("lars_mom", "lars", row, (-0.8117400641233, -0.03209112992902, 0.01539841811826))
    yield golden("lars_clip", "lars", {**row, "trust_coefficient": 0.5, "trust_clip": True},
                 (-0.4621320696312, -0.09438268975215, -0.6665800049039))
    yield golden("lars_ema", "lars", {**row, "eps": 0.0, "velocity": "ema"},
                 (-0.8248503639175, -0.7347462479836, -0.02754988072844))

    some = HOLES - {(t, 2) for t in range(3, 61)}  # the scalar has gradients from the third step on
    yield mixed("lars: defaults, missing gradients", "lars", {}, 1401, missing=HOLES)
    yield mixed("lars: two groups", "lars",
                {"lr": 0.8, "momentum": 0.7, "dampening": 0.3, "weight_decay": 0.4,
                 "trust_coefficient": 0.05, "eps": 0.1}, 1403, missing=some,
                second={"lr": 1.5, "momentum": 0.6, "weight_decay": 0.2, "velocity": "ema",
                        "trust_coefficient": 0.1, "maximize": True})
    at = {"lr": 0.9, "momentum": 0.8, "weight_decay": 0.3, "trust_coefficient": 0.08, "eps": 1e-3}
    forms = (("gradient", {"dampening": 0.4}), ("gradient", {"nesterov": True}),
             ("step", {"dampening": 0.4}), ("step", {"nesterov": True}), ("ema", {}))
    for n, (velocity, more) in enumerate(forms):
        for clip in (False, True):
            name = f"lars: velocity {velocity}{', nesterov' if 'nesterov' in more else ''}"
            name += f"{', dampening' if 'dampening' in more else ''}, rate changes"
            # A rate of zero in between: the clipped ratio is then one.
            yield mixed(name + (", trust clip" if clip else ""), "lars",
                        {**at, **more, "velocity": velocity, "trust_clip": clip,
                         "trust_coefficient": 0.6 if clip else 0.08}, 1405 + 2 * n, missing=some,
                        lr_scale=RATES, record=(1, 2, 5, 12))
    for adapt, decay in ((False, True), (True, False), (False, False)):
        name = f"lars: vectors and scalars {'with' if adapt else 'without'} the ratio, "
        yield mixed(name + ("decayed" if decay else "not decayed"), "lars",
                    {**at, "lr": 0.05, "trust_coefficient": 0.5, "adapt_1d": adapt,
                     "decay_1d": decay, "velocity": "step"}, 1415, missing=some,
                    lr_scale=RATES)
    yield mixed("lars: vectors and scalars plain, average of gradients, trust clip", "lars",
                {**at, "lr": 0.1, "adapt_1d": False, "decay_1d": False, "velocity": "ema",
                 "trust_clip": True}, 1417, missing=some)
    yield mixed("lars: average of gradients without momentum", "lars",
                {**at, "momentum": 0.0, "velocity": "ema"}, 1419, missing=some)
    yield mixed("lars: maximize, decay, forty steps", "lars",
                {**at, "trust_coefficient": 0.01, "maximize": True}, 1421, steps=40, missing=some,
                record=(1, 7, 40))
    yield mixed("lars: zero gradients", "lars", {**at, "lr": 0.05}, 1423,
                zero={(t, p) for t in (1, 2, 6) for p in range(5)})
    zeros = [np.zeros(shape) for shape in MIXED_SHAPES]
    for velocity in ("gradient", "ema"):
        yield Case(f"lars: all-zero parameters, velocity {velocity}", "lars",
                   [({**at, "lr": 0.05, "velocity": velocity}, zeros)],
                   drawn_rows(1425, MIXED_SHAPES, 6, zero={(1, 0), (2, 0)}), 6, (1, 2, 3, 6))
    yield mixed("lars: rate zero moves nothing", "lars",
                {"lr": 0.0, "momentum": 0.5, "weight_decay": 0.1, "trust_clip": True}, 1427,
                tolerance=0.0)
    yield from narrow("lars", {"momentum": 0.9, "weight_decay": 0.1, "trust_coefficient": 0.02},
                      1429)


def verify(histories, near):
    plain = [({"lr": 0.7, "trust_coefficient": 0.03, "eps": 0.0}, parity_values())]
    history = run(Case("", "lars", plain, "parity", 20, ()), RULES["lars"])
    for before, after in zip(history, history[1:]):
        for a, b in zip(before, after):
            near("plain LARS moves by lr*tc*||theta||", norm(b - a), 0.7 * 0.03 * norm(a), 1e-14)
