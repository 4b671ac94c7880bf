"""Lookahead around SGD: slow weights that follow the fast ones every k steps.

The cases carry the key "lookahead" with the wrapper's options; groups and options are the inner
optimizer's.
"""

import numpy as np

from rules import Rule, sgd
from trajectory import HOLES, golden, mixed, run

FILE = "lookahead.json"

DEFAULTS = {"k": 6, "alpha": 0.5, "slow_init": "initial", "reset_inner": False}


def around(inner_step, given):
    """The inner step followed by a synchronisation at every k-th call."""
    o = {**DEFAULTS, **given}
    calls = 0

    def step(groups):
        nonlocal calls
        parameters = [p for group in groups for p in group.parameters]
        if calls == 0 and o["slow_init"] == "initial":
            for p in parameters:
                p.slow = p.value
        inner_step(groups)
        calls += 1
        if calls % o["k"] != 0:
            return
        for p in parameters:
            slow = getattr(p, "slow", p.value)
            p.slow = slow + o["alpha"] * (p.value - slow)
            p.value = p.slow
            if o["reset_inner"]:
                p.state, p.t = {}, 0

    return step


RULES = {"sgd": Rule("sgd", sgd.DEFAULTS, sgd.step)}


def run_case(case):
    return run(case, RULES["sgd"], around(sgd.step, case.extra["lookahead"]))


def cases():
    ball = {"lr": 0.05, "momentum": 0.9}
    yield golden("la_lazy", "sgd", ball, (-0.7529364218365, 0.7395161026361, -0.0105109271353),
                 extra={"lookahead": {**DEFAULTS, "slow_init": "lazy"}})
    yield golden("la_paper", "sgd", ball, (-0.7529364218365, 0.6422345009992, -0.009094820649249),
                 extra={"lookahead": DEFAULTS})

    wrappers = [("defaults", {}), ("synchronises every step", {"k": 1, "alpha": 0.3}),
                ("lazy, every third step", {"k": 3, "alpha": 0.7, "slow_init": "lazy"}),
                ("starts the inner state anew", {"k": 4, "reset_inner": True}),
                ("alpha one is the inner optimizer", {"k": 2, "alpha": 1.0}),
                ("alpha zero returns to the start", {"k": 4, "alpha": 0.0})]
    for n, (name, options) in enumerate(wrappers):
        yield mixed(f"lookahead: {name}", "sgd", {"lr": 0.05, "momentum": 0.8}, 601 + 2 * n,
                    missing=HOLES, second={"lr": 0.02, "weight_decay": 0.3},
                    extra={"lookahead": options})


def verify(histories, near):
    start = histories["lookahead: alpha zero returns to the start"]
    for a, b in zip(start[0], start[12]):
        near("alpha zero returns to the start every k steps", a, b, 0.0)
    name = "lookahead: alpha one is the inner optimizer"
    one = next(case for case in cases() if case.name == name)
    for a, b in zip(run(one, RULES["sgd"])[12], histories[one.name][12]):
        near("alpha one equals the inner optimizer", a, np.asarray(b), 1e-14)
