"""SOAP: Adam in the basis of Shampoo's eigenvectors."""

import math

import numpy as np

from rules import Rule
from rules.shampoo import times, unfolded
from trajectory import RATES, advance, golden, mixed, narrow

FILE = "soap.json"

DEFAULTS = {
    "lr": 3e-3,
    "betas": [0.95, 0.95],
    "shampoo_beta": -1.0,
    "eps": 1e-8,
    "weight_decay": 0.01,
    "precondition_frequency": 10,
    "max_precond_dim": 10000,
    "precondition_1d": False,
    "normalize_grads": False,
    "bias_correction": True,
    "merge_dims": False,
    "maximize": False,
}

# Every axis is at most as long as the others together, so that the first gradient has full rank.
SHAPES = ((4, 4), (4,), (3, 3), (2, 3, 2))


def merged(shape, longest):
    sizes, joined = [], 1
    for n in shape:
        if joined * n <= longest:
            joined *= n
        elif joined > 1:
            sizes.append(joined)
            joined = n
        else:
            sizes.append(n)
            joined = 1
    return (*sizes, joined) if joined > 1 or not sizes else tuple(sizes)


def turned(x, bases, back=False):
    for axis, q in bases.items():
        x = times(x, q.T if back else q, axis)
    return x


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), longest = o["lr"], o["betas"], o["max_precond_dim"]
        sb = b2 if o["shampoo_beta"] < 0 else o["shampoo_beta"]
        for p, grad in advance(group):
            if grad.size == 0:
                continue
            s = p.state
            g = grad.reshape(merged(grad.shape, longest)) if o["merge_dims"] else grad
            if not s:
                s.update(t=0, m=np.zeros_like(g), v=np.zeros_like(g), L={}, Q={})
                for axis in range(g.ndim):
                    if g.shape[axis] <= longest and (grad.ndim > 1 or o["precondition_1d"]):
                        rows = unfolded(g, axis)
                        s["L"][axis] = (1 - sb) * rows @ rows.T
                        s["Q"][axis] = np.linalg.eigh(s["L"][axis])[1][:, ::-1]
                continue
            s["t"] += 1
            t, bases = s["t"], s["Q"]
            h = turned(g, bases)
            s["m"] = b1 * s["m"] + (1 - b1) * h
            s["v"] = b2 * s["v"] + (1 - b2) * h * h
            n = turned(s["m"] / (np.sqrt(s["v"]) + o["eps"]), bases, back=True)
            if o["normalize_grads"]:
                n = n / (1e-30 + math.sqrt(float(np.mean(n * n))))
            c = math.sqrt(1 - b2**t) / (1 - b1**t) if o["bias_correction"] else 1.0
            p.value = p.value - lr * c * n.reshape(grad.shape)
            p.value = p.value * (1 - lr * o["weight_decay"])
            m = turned(s["m"], bases, back=True)
            for axis in bases:
                rows = unfolded(g, axis)
                s["L"][axis] = sb * s["L"][axis] + (1 - sb) * rows @ rows.T
                if t % o["precondition_frequency"] == 0:
                    q = bases[axis]
                    order = np.argsort(-np.diag(q.T @ s["L"][axis] @ q))
                    s["v"] = np.take(s["v"], order, axis=axis)
                    bases[axis] = np.linalg.qr(s["L"][axis] @ q[:, order])[0]
            s["m"] = turned(m, bases)


RULES = {"soap": Rule("soap", DEFAULTS, step)}


def cases():
    yield golden("soap", "soap", {"lr": 0.01, "precondition_frequency": 5},
                 (0.8874213897203, 0.823803182181, 0.9154754687076), shapes=SHAPES)
    yield golden("soap_norm", "soap",
                 {"lr": 0.01, "precondition_frequency": 3, "normalize_grads": True,
                  "bias_correction": False, "shampoo_beta": 0.9},
                 (0.8874213897203, 0.7758138505956, 0.4622328222963), shapes=SHAPES)

    at = {"lr": 0.02, "betas": [0.9, 0.8], "eps": 1e-3, "weight_decay": 0.3,
          "precondition_frequency": 3}
    holes = {(1, 0), (2, 1), (5, 1), (7, 3)}
    for n, more in enumerate((
            {}, {"max_precond_dim": 3}, {"merge_dims": True, "max_precond_dim": 4},
            {"maximize": True, "shampoo_beta": 0.5}, {"precondition_frequency": 1})):
        yield mixed(f"soap: {more}", "soap", {**at, **more}, 3801 + 2 * n, missing=holes,
                    shapes=(*SHAPES, (), (0, 2)), lr_scale=RATES, tolerance=1e-9)
    yield mixed("soap: a number is turned too", "soap", {**at, "precondition_1d": True}, 3821,
                shapes=((1,), (1, 1)), missing={(1, 0)})
    yield mixed("soap: rate zero moves nothing", "soap", {**at, "lr": 0.0}, 3823, shapes=SHAPES,
                tolerance=0.0)
    yield from narrow("soap", {**at, "eps": 1e-2}, 3825, (1e-4, 5e-2, 1e-2), shapes=SHAPES)


def verify(histories, near):
    pass
