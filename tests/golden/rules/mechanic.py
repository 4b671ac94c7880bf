"""Mechanic: the scale of another rule's steps, found on the way.

The cases carry the key "mechanic" with the wrapper's options; groups and options are the inner
optimizer's.
"""

import math

import numpy as np

from rules import Rule, adam, sgd
from trajectory import HOLES, RATES, golden, mixed, run

FILE = "mechanic.json"

DEFAULTS = {"weight_decay": 1e-2, "eps": 1e-8, "s_init": 1e-6, "num_betas": 6}


def around(inner_step, given):
    o = {**DEFAULTS, **given}
    n, eps = o["num_betas"], o["eps"]
    betas = 1 - 0.1 ** np.arange(1, n + 1)
    memory = {"r": np.zeros(n), "m": np.zeros(n), "v": np.zeros(n), "s": np.full(n, o["s_init"])}

    def step(groups):
        live = [(group.options.get("maximize", False), p) for group in groups
                for p in group.parameters if p.grad is not None]
        scale = memory["s"].sum()
        for _, p in live:
            if not hasattr(p, "x0"):
                p.x0 = p.value.copy()
        signed = [(-p.grad if up else p.grad) for up, p in live]
        away = [(p.x0 - p.value) / (scale + eps) for _, p in live]
        size = lambda arrays: math.sqrt(sum(float(np.sum(x * x)) for x in arrays))
        a = (o["weight_decay"] * scale * size(signed)
             / (size(p.value for _, p in live) + eps))
        h = sum(float(np.sum((g + a * p.value) * d)) for g, d, (_, p) in zip(signed, away, live))
        before = [p.value for _, p in live]
        inner_step(groups)
        if not live:
            return
        r, m, v, s = (memory[name] for name in "rmvs")
        clipped = np.clip(h, -m, m)
        m = np.maximum(betas * m, abs(h) + eps)
        v = betas**2 * v + h * h
        r = betas * r + clipped * s
        s = (o["s_init"] / n * m + np.maximum(r, 0.0)) / (np.sqrt(v) + eps)
        memory.update(r=r, m=m, v=v, s=s)
        for d, was, (_, p) in zip(away, before, live):
            p.value = p.x0 - s.sum() * (d - (p.value - was))

    return step


INNER = {"sgd": sgd, "adam": adam, "adamw": adam}
# Without torch's form, which knows no wrapper.
RULES = {name: Rule(name, module.RULES[name].defaults, module.RULES[name].step)
         for name, module in INNER.items()}


def run_case(case):
    inner = RULES[case.optimizer]
    return run(case, inner, around(inner.step, case.extra["mechanic"]))


def cases():
    def row(name, optimizer, options, wrapper, numbers, tolerance):
        return golden(name, optimizer, options, numbers, tolerance=tolerance,
                      extra={"mechanic": {**DEFAULTS, **wrapper}})

    yield row("mechanic_sgd", "sgd", {"lr": 1.0}, {},
              (-0.826305596481, -0.8261014644083, -0.09023802198386), 1e-9)
    yield row("mechanic_adam", "adam", {"lr": 1.0}, {},
              (-0.8263067197595, -0.8261976555812, -0.0741141198201), 1e-9)
    yield row("mechanic_x", "adamw", {"lr": 0.1, "weight_decay": 0.1},
              {"weight_decay": 0.1, "s_init": 1e-3, "num_betas": 3, "eps": 1e-6},
              (-0.8262643873927, -0.8141095496398, 0.02537733204995), 1e-8)

    at = {"s_init": 0.1, "eps": 1e-3}
    for n, (name, options) in enumerate((("defaults", {}), ("rate changes", at),
                                         ("one memory", {**at, "num_betas": 1}),
                                         ("much decay", {**at, "weight_decay": 0.5}))):
        yield mixed(f"mechanic: {name}", "sgd", {"lr": 0.5, "momentum": 0.5}, 3701 + 2 * n,
                    missing=HOLES, second={"lr": 0.2, "maximize": True},
                    lr_scale=RATES if name == "rate changes" else None,
                    extra={"mechanic": options}, tolerance=1e-9)


def verify(histories, near):
    """The first step is s_init times the inner rule's."""
    case = next(case for case in cases() if case.name == "mechanic_sgd")
    plain = run(case, RULES["sgd"])
    for a, b, start in zip(histories[case.name][1], plain[1], plain[0]):
        near("the first step", a - start, case.extra["mechanic"]["s_init"] * (b - start), 1e-12)
