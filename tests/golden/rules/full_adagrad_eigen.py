"""AdaGrad with the full matrix, method eigen: eigenvalues of G itself.

It agrees with the factored form only to the square root of the rounding of G, so what is written is
the factored evaluation, to be compared at 1e-5 and in float64: where gradients are fewer than
elements, a G kept in float32 has eigenvalues of 1e-7 that should be 0, and eps is 1e-5.
"""

import numpy as np

from rules import Rule, full_adagrad
from trajectory import golden, run

FILE = "full_adagrad_eigen.json"
TOLERANCE = 1e-5

RULES = {"full_adagrad": Rule("full_adagrad", full_adagrad.DEFAULTS, full_adagrad.step)}


def direct(rows, g, o):
    """v = Q ((Q^T g) / s) with G = Q diag(w) Q^T."""
    a = np.stack(rows)
    w, q = np.linalg.eigh(a.T @ a + o["initial_accumulator_value"] * np.eye(g.size))
    return q @ ((q.T @ g) / full_adagrad.scaled(w, o))


def cases():
    options = {"lr": 0.1, "method": "eigen"}
    yield golden("adagrad_full, eigen", "full_adagrad", options, None, tolerance=TOLERANCE)
    yield golden("adagrad_full_in, eigen", "full_adagrad",
                 {**options, "eps": 1e-8, "eps_mode": "inside"}, None, tolerance=TOLERANCE)
    yield from full_adagrad.mixed_cases(("eigen",), tolerance=TOLERANCE)


def verify(histories, near):
    for case in cases():
        by_eigen = run(case, RULES["full_adagrad"],
                       lambda groups: full_adagrad.step(groups, preconditioned=direct))
        for step in case.record:
            for a, b in zip(by_eigen[step], histories[case.name][step]):
                near(f"{case.name}: direct against factored", a, b, TOLERANCE)
