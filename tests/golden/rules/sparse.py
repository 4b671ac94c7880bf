"""Sparse gradients: SGD, Adagrad and SparseAdam on the rows that a gradient holds.

A gradient here is a pair (rows, values): values[k] belongs to row rows[k], and rows may repeat.
"""

import math

import numpy as np

from rules import Rule
from trajectory import PARITY_STEPS, RATES, Case, drawn, parity_gradients, parity_values, run

FILE = "sparse.json"

SHAPES = ((4, 3), (3, 5), (6, 2))

SGD = {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
ADAGRAD = {"lr": 1e-2, "lr_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10,
           "maximize": False}
ADAM = {"lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "maximize": False}


def summed(p, o):
    """The rows that are there, once each, and what their values add up to."""
    rows, values = p.grad
    there = sorted(set(rows))
    sums = np.zeros((len(there), *p.value.shape[1:]))
    for row, value in zip(rows, values):
        sums[there.index(row)] += value
    return there, -sums if o["maximize"] else sums


def present(groups):
    """(options, parameter, rows, gradient) of every parameter that has one; counts its step."""
    for group in groups:
        for p in group.parameters:
            if p.grad is None:
                continue
            p.t += 1
            yield group.options, p, *summed(p, group.options)


def sgd(groups):
    for o, p, rows, g in present(groups):
        lr, mu = o["lr"], o["momentum"]
        if mu == 0:
            p.value[rows] -= lr * g
            continue
        whole = np.zeros_like(p.value)
        whole[rows] = g
        b = p.state.get("b")
        b = whole if b is None else mu * b + (1 - o["dampening"]) * whole
        p.state["b"] = b
        p.value = p.value - lr * (whole + mu * b if o["nesterov"] else b)


def adagrad(groups):
    for o, p, rows, g in present(groups):
        total = p.state.setdefault("G", np.full_like(p.value, o["initial_accumulator_value"]))
        total[rows] += g * g
        rate = o["lr"] / (1 + (p.t - 1) * o["lr_decay"])
        p.value[rows] -= rate * g / (np.sqrt(total[rows]) + o["eps"])


def adam(groups):
    for o, p, rows, g in present(groups):
        (b1, b2), s = o["betas"], p.state
        m = s.setdefault("m", np.zeros_like(p.value))
        v = s.setdefault("v", np.zeros_like(p.value))
        m[rows] += (1 - b1) * (g - m[rows])
        v[rows] += (1 - b2) * (g * g - v[rows])
        size = o["lr"] * math.sqrt(1 - b2**p.t) / (1 - b1**p.t)
        p.value[rows] -= size * m[rows] / (np.sqrt(v[rows]) + o["eps"])


RULES = {
    "sgd": Rule("sgd", SGD, sgd),
    "adagrad": Rule("adagrad", ADAGRAD, adagrad),
    "sparse_adam": Rule("sparse_adam", ADAM, adam),
}


def parity(name, optimizer, options, numbers):
    """A row of the specification's table: parameter j has rows r with (r + t + j) mod 3 = 0. The
    gradients go by where the parameters are, so the case is run once to find them out."""
    groups = [(options, parity_values(SHAPES))]
    gradients = []

    def step(groups):
        parameters = groups[0].parameters
        row = []
        for j, g in enumerate(parity_gradients([p.value for p in parameters], len(gradients) + 1)):
            rows = [r for r in range(g.shape[0]) if (r + len(gradients) + 1 + j) % 3 == 0]
            row.append((rows, g[rows]))
        gradients.append(row)
        for p, g in zip(parameters, row):
            p.grad = g
        RULES[optimizer].step(groups)

    steps = PARITY_STEPS[-1]
    run(Case(name, optimizer, groups, [[None] * len(SHAPES)] * steps, steps, ()),
        RULES[optimizer], step)
    return Case(name, optimizer, groups, gradients, steps, PARITY_STEPS, golden=numbers)


def drawn_case(name, optimizer, options, seed, **more):
    """Rows drawn at random, which may repeat, be none, or belong to no gradient at all."""
    stream = np.random.RandomState(seed)
    shapes = ((5, 3), (7,), (4, 2, 2), (0, 3))
    gradients = []
    for t in range(12):
        row = []
        for j, shape in enumerate(shapes):
            rows = [int(r) for r in stream.randint(0, max(shape[0], 1), stream.randint(0, 5))]
            rows = [] if shape[0] == 0 else rows
            values = np.round(stream.standard_normal((len(rows), *shape[1:])), 4)
            row.append(None if (t + j) % 5 == 4 else (rows, values))
        gradients.append(row)
    return Case(name, optimizer, [(options, drawn(seed, shapes))], gradients, 12, (1, 2, 6, 12),
                lr_scale=RATES, **more)


def cases():
    yield parity("sparse_adam", "sparse_adam", {"lr": 0.01},
                 (0.7787021352427, 0.7699129767276, 0.5104080500985))
    yield parity("sparse_adagrad", "adagrad",
                 {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1},
                 (1.114677506271, 0.6706614597982, 0.2830650857059))
    yield parity("sparse_sgd", "sgd", {"lr": 0.05, "momentum": 0.9, "dampening": 0.4},
                 (1.068515211712, 1.842057417528, 0.0006015294253537))
    yield drawn_case("sparse adam", "sparse_adam", {"lr": 0.02, "betas": [0.7, 0.9]}, 5001)
    yield drawn_case("sparse adam: maximize", "sparse_adam",
                     {"lr": 0.02, "eps": 1e-2, "maximize": True}, 5003)
    yield drawn_case("sparse adagrad, maximize", "adagrad",
                     {"lr": 0.1, "lr_decay": 0.1, "eps": 1e-3, "maximize": True}, 5005)
    yield drawn_case("sparse sgd", "sgd", {"lr": 0.1}, 5007)
    yield drawn_case("sparse sgd: Nesterov", "sgd",
                     {"lr": 0.1, "momentum": 0.8, "nesterov": True}, 5009)
    yield drawn_case("sparse sgd: maximize, dampening", "sgd",
                     {"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "maximize": True}, 5011)
    yield drawn_case("sparse adam: float32", "sparse_adam", {"lr": 0.02, "eps": 1e-3}, 5013,
                     dtype="float32", tolerance=2e-6)
    yield drawn_case("sparse adagrad: bfloat16", "adagrad", {"lr": 0.1, "eps": 1e-2}, 5015,
                     dtype="bfloat16", tolerance=5e-2)


def verify(histories, near):
    pass
