"""SPlus: signs in the basis of Shampoo's eigenvectors."""

import numpy as np

from rules import Rule
from rules.shampoo import unfolded
from trajectory import RATES, Case, advance, checksum, drawn, drawn_rows, golden, mixed, run

FILE = "splus.json"

DEFAULTS = {
    "lr": 0.1,
    "betas": [0.9, 0.999],
    "ema_rate": 0.999,
    "inverse_every": 100,
    "eps": 1e-30,
    "weight_decay": 1e-2,
    "max_dim": 10000,
    "nonstandard_constant": 1e-3,
    "maximize": False,
}

# Every axis is at most as long as the others together, so that the first gradient has full rank.
SHAPES = ((4, 4), (4,), (3, 3), (2, 3, 2))


def step(groups):
    for group in groups:
        o = group.options
        b1, b2 = o["betas"]
        for p, g in advance(group):
            if g.size == 0:
                continue
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            flat = o["lr"] * o["nonstandard_constant"]
            if p.value.ndim == 2:
                q = s.setdefault("q", [np.eye(n) for n in g.shape])
                sides = s.setdefault("sides", [np.zeros((n, n)) for n in g.shape])
                u = q[0] @ np.sign(q[0].T @ m @ q[1]) @ q[1].T
                for axis, n in enumerate(g.shape):
                    rows = unfolded(g, axis)
                    sides[axis] = b2 * sides[axis] + (1 - b2) * rows @ rows.T
                    if n < o["max_dim"] and (p.t == 1 or p.t % o["inverse_every"] == 0):
                        q[axis] = np.linalg.eigh(sides[axis] + o["eps"] * np.eye(n))[1]
                fits = max(g.shape) <= o["max_dim"]
                lr = o["lr"] * 2 / sum(g.shape) if fits else flat
            else:
                u, lr = np.sign(m), flat
            p.value = p.value - lr * u
            average = s.get("e", 0.0)
            s["e"] = average + (1 - o["ema_rate"]) * (p.value - average)
            p.value = p.value * (1 - lr * o["weight_decay"])


def evaluated(group, p):
    if "e" not in p.state:
        return p.value
    return p.state["e"] / (1 - group.options["ema_rate"]**p.t)


RULES = {"splus": Rule("splus", DEFAULTS, step, evaluated=evaluated)}


def cases():
    yield golden("splus", "splus", {"lr": 0.1, "inverse_every": 5, "ema_rate": 0.9,
                                    "weight_decay": 0.1},
                 (0.814399299887, 0.5968394962918, -1.627608886452), shapes=SHAPES)
    at = {"lr": 0.3, "betas": [0.8, 0.9], "ema_rate": 0.7, "inverse_every": 3,
          "weight_decay": 0.3, "nonstandard_constant": 0.1}

    def each(name, options, seed, **more):
        return mixed(f"splus: {name}", "splus", options, seed, shapes=SHAPES, **more)

    holes = {(1, 0), (2, 1), (5, 1), (7, 3), (3, 2)}
    yield each("missing gradients", at, 3901, missing=holes)
    yield each("rate changes, maximize", {**at, "maximize": True}, 3903, missing=holes,
               lr_scale=RATES)
    yield each("rate zero moves nothing", {**at, "lr": 0.0}, 3905, tolerance=0.0)
    yield each("long axes keep their basis", {**at, "max_dim": 3}, 3907)
    wide = ((2, 5), (3,))
    yield Case("splus: too long for a matrix", "splus",
               [({**at, "max_dim": 4}, drawn(3909, wide))], drawn_rows(3910, wide, 8), 8, (1, 8))
    yield each("defaults", {}, 3911)


def verify(histories, near):
    case = next(cases())
    run(case, RULES["splus"])
    near("splus after eval()", checksum([np.array(v) for v in case.extra["evaluated"]]),
         -1.360289812797, 1e-11)
