"""Shampoo: inverse roots of the products of gradients along each axis."""

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, common, golden, mixed

FILE = "shampoo.json"

DEFAULTS = {
    "lr": 0.1,
    "eps": 1e-4,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "update_freq": 1,
    "exponent": 0.0,
    "max_dim": 8192,
    "maximize": False,
}


def unfolded(x, axis):
    return np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)


def times(x, matrix, axis):
    return np.moveaxis(np.tensordot(x, matrix, (axis, 0)), -1, axis)


def step(groups):
    for group in groups:
        o = group.options
        for p, grad in advance(group):
            if grad.size == 0:
                continue
            s, g = p.state, np.atleast_1d(grad)
            axes = [axis for axis in range(g.ndim) if g.shape[axis] <= o["max_dim"]]
            d = g
            for axis in axes:
                rows = unfolded(g, axis)
                before = s.get(("L", axis), o["eps"] * np.eye(len(rows)))
                s["L", axis] = before + rows @ rows.T
                if (p.t - 1) % o["update_freq"] == 0:
                    w, q = np.linalg.eigh(s["L", axis])
                    power = o["exponent"] or 1 / (2 * len(axes))
                    s["P", axis] = (q * np.maximum(w, o["eps"]) ** -power) @ q.T
                d = times(d, s["P", axis], axis)
            if o["momentum"] != 0:
                s["B"] = d = o["momentum"] * s.get("B", 0.0) + d
            p.value = p.value - o["lr"] * d.reshape(grad.shape)


RULES = {"shampoo": Rule("shampoo", DEFAULTS, step)}


def cases():
    yield golden("shampoo", "shampoo", {"lr": 0.1},
                 (-0.7792937286442, -0.6713286547373, -0.6563499684518))

    at = {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.2}
    yield from common("shampoo", at, {**at, "eps": 0.5, "momentum": 0.8, "update_freq": 3,
                                      "decay_mode": "decoupled"}, 3701, (1e-4, 5e-2, 1e-2))
    for n, more in enumerate(({"exponent": 0.3}, {"max_dim": 2}, {"update_freq": 4})):
        yield mixed(f"shampoo: {more}", "shampoo", {**at, **more}, 3731 + 2 * n, missing=HOLES,
                    shapes=((3, 2), (5,), (), (0,), (2, 1, 3), (2, 2)), lr_scale=RATES)


def verify(histories, near):
    pass
