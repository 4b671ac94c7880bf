"""AdaGrad with the full matrix of gradient products, method factor (and auto, which is factor).

It works on the matrix of all gradients so far and never forms G. A parameter of a per_group block
without a gradient counts as zeros there and does not move; the specification leaves that open, the
library documents it.
"""

import numpy as np

from rules import Rule
from trajectory import HOLES, MIXED_SHAPES, Case, advance, drawn, drawn_rows, golden, mixed

FILE = "full_adagrad.json"

DEFAULTS = {
    "lr": 1e-2,
    "eps": 1e-5,
    "eps_mode": "outside",
    "initial_accumulator_value": 0.0,
    "weight_decay": 0.0,
    "decay_mode": "coupled",
    "block": "per_tensor",
    "method": "auto",
    "max_dim": 16384,
    "maximize": False,
}


def scaled(spectrum, o):
    """The divisor of each eigenvector's share of the gradient."""
    w = np.maximum(spectrum, 0.0)
    if o["eps_mode"] == "outside":
        return np.sqrt(w) + o["eps"]
    return np.sqrt(w + o["eps"])


def factored(rows, g, o):
    """v = U ((U^T g) / s) with the thin A^T = U diag(sigma) V^T, A = the gradients so far."""
    u, sigma, _ = np.linalg.svd(np.stack(rows).T, full_matrices=False)
    return u @ ((u.T @ g) / scaled(sigma**2 + o["initial_accumulator_value"], o))


def step(groups, preconditioned=factored):
    for group in groups:
        o = group.options
        live = list(advance(group))
        blocks = [[pair] for pair in live]
        if o["block"] == "per_group" and live:
            present = {id(p): g for p, g in live}
            blocks = [[(p, present.get(id(p), np.zeros_like(p.value))) for p in group.parameters]]
        for block in blocks:
            rows = block[0][0].state.setdefault("rows", [])
            joined = np.concatenate([g.reshape(-1) for _, g in block])
            if joined.size == 0:
                continue
            rows.append(joined)
            v = preconditioned(rows, joined, o)
            first = 0
            for p, g in block:
                if p.grad is not None:
                    p.value = p.value - o["lr"] * v[first:first + g.size].reshape(g.shape)
                first += g.size


RULES = {"full_adagrad": Rule("full_adagrad", DEFAULTS, step)}


def illustration():
    gradients = np.random.RandomState(32).rand(8, 2) * np.array([0.5, 2.0])
    return Case("full_adagrad: the illustration of eight gradients in the plane", "full_adagrad",
                [({"lr": 1.0}, [np.array([1.0, -2.0])])], [[g] for g in gradients], 8,
                tuple(range(1, 9)))


def mixed_cases(methods, **common):
    """Trajectories that every method must follow."""

    def each(name, options, seed, second=None, **more):
        for method in methods:
            chosen = None if second is None else {**second, "method": method}
            yield mixed(f"full_adagrad: {name}, {method}", "full_adagrad",
                        {**options, "method": method}, seed, second=chosen, **common, **more)

    yield from each("eps outside", {"lr": 0.1, "eps": 1e-3}, 503, missing=HOLES)
    yield from each("eps inside", {"lr": 0.1, "eps": 1e-4, "eps_mode": "inside"}, 505,
                    missing=HOLES)
    yield from each("accumulator starts above zero",
                    {"lr": 0.1, "initial_accumulator_value": 0.4}, 507, missing=HOLES)
    yield from each("accumulator above zero, eps inside, coupled decay, maximize",
                    {"lr": 0.1, "initial_accumulator_value": 0.2, "eps_mode": "inside",
                     "weight_decay": 0.3, "maximize": True}, 509, missing=HOLES)
    yield from each("decoupled decay, two groups",
                    {"lr": 0.1, "weight_decay": 0.3, "decay_mode": "decoupled"}, 511,
                    missing=HOLES, second={"lr": 0.03, "eps": 1e-2, "eps_mode": "inside"})
    yield from each("one block per group", {"lr": 0.1, "block": "per_group"}, 513)
    yield from each("one block per group, two groups",
                    {"lr": 0.1, "block": "per_group", "weight_decay": 0.2}, 515,
                    second={"lr": 0.05, "block": "per_group", "initial_accumulator_value": 0.1})
    yield from each("one block per group, missing gradients",
                    {"lr": 0.1, "block": "per_group", "weight_decay": 0.2}, 531, missing=HOLES)
    yield from each("one block per group, missing gradients, decoupled decay",
                    {"lr": 0.1, "block": "per_group", "weight_decay": 0.2,
                     "decay_mode": "decoupled"}, 533, missing=HOLES)
    # More elements than gradients, then more gradients than elements.
    for name, shape, steps in (("a block longer than the run", (9, 7), 8),
                               ("a run longer than the block", (3,), 30)):
        for method in methods:
            yield Case(f"full_adagrad: {name}, {method}", "full_adagrad",
                       [({"lr": 0.1, "method": method}, drawn(525, (shape,)))],
                       drawn_rows(526, (shape,), steps), steps, (1, steps // 2, steps), **common)


def cases():
    outside = (-0.834752838897, -0.7425416259821, -0.7694156357308)
    inside = (-0.8347529835285, -0.7424866562175, -0.7705294982767)
    in_options = {"lr": 0.1, "eps": 1e-8, "eps_mode": "inside"}
    yield golden("adagrad_full", "full_adagrad", {"lr": 0.1, "method": "factor"}, outside)
    yield golden("adagrad_full_in", "full_adagrad", {**in_options, "method": "factor"}, inside)
    yield illustration()
    yield mixed("full_adagrad: defaults, missing gradients", "full_adagrad", {}, 501,
                missing=HOLES)
    yield from mixed_cases(("auto", "factor"))
    yield mixed("full_adagrad: one group by block, the other by tensor, rate changes",
                "full_adagrad", {"lr": 0.1, "block": "per_group"}, 517,
                second={"lr": 0.05, "weight_decay": 0.2},
                lr_scale=[1, 0.5, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7])
    # A large eps: where all gradients so far lie on a line, what lies off it is rounding over eps.
    yield mixed("full_adagrad: zero gradients", "full_adagrad",
                {"lr": 0.1, "eps": 0.01, "weight_decay": 0.1}, 519,
                zero={(t, p) for t in (1, 2, 5) for p in range(5)})
    yield mixed("full_adagrad: zero gradients and no decay", "full_adagrad",
                {"lr": 0.1, "eps": 0.01}, 521, zero={(t, p) for t in (1, 2, 5) for p in range(5)})
    yield mixed("full_adagrad: rate zero moves nothing", "full_adagrad",
                {"lr": 0.0, "weight_decay": 0.1}, 523, tolerance=0.0)
    yield mixed("full_adagrad: float32", "full_adagrad", {"lr": 0.05, "weight_decay": 0.1}, 529,
                missing=HOLES, dtype="float32", tolerance=1e-5)


def verify(histories, near):
    lengths = [0.99998838, 0.99999076, 0.62753248, 0.80118515, 0.43403373, 0.24656418, 0.45411268,
               0.36895041]
    case = illustration()
    near("illustration: the first gradient", case.gradients[0][0], [0.42944463, 0.74542231], 5e-9)
    path = histories[case.name]
    measured = [np.linalg.norm(b[0] - a[0]) for a, b in zip(path, path[1:])]
    near("illustration: the lengths of the steps", measured, lengths, 5e-9)
