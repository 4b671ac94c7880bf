"""Ranger: RAdamW inside Lookahead, with gradients centralized on request."""

import math

import numpy as np

from rules import Rule, radam
from trajectory import HOLES, RATES, Case, advance, golden, mixed, narrow, parity_values, run

FILE = "ranger.json"

DEFAULTS = {
    "lr": 1e-3,
    "betas": [0.95, 0.999],
    "eps": 1e-5,
    "weight_decay": 0.0,
    "alpha": 0.5,
    "k": 6,
    "slow_init": "initial",
    "rho_threshold": 5.0,
    "gc": False,
    "gc_conv_only": False,
    "maximize": False,
}


def centralized(g, o):
    """g without its mean over all axes but the first."""
    if not o["gc"] or g.size == 0 or g.ndim <= (3 if o["gc_conv_only"] else 1):
        return g
    return g - g.mean(axis=tuple(range(1, g.ndim)), keepdims=True)


def looking_ahead(group, move):
    """move(parameter, gradient) for all that have a gradient, then every k steps of the optimizer
    the slow weights of all that ever had one."""
    o = group.options
    for p, g in advance(group):
        if o["slow_init"] == "initial":
            p.state.setdefault("slow", p.value)
        move(p, g)
    group.steps = getattr(group, "steps", 0) + 1
    if group.steps % o["k"] != 0:
        return
    for p in group.parameters:
        if p.t > 0:
            slow = p.state.get("slow", p.value)
            p.state["slow"] = p.value = slow + o["alpha"] * (p.value - slow)


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), wd = o["lr"], o["betas"], o["weight_decay"]

        def move(p, g):
            g, s = centralized(g, o), p.state
            if wd != 0:
                p.value = p.value * (1 - lr * wd)
            s["exp_avg"] = m = b1 * s.get("exp_avg", 0.0) + (1 - b1) * g
            s["exp_avg_sq"] = v = b2 * s.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
            rho, limit = radam.length(b2, p.t)
            by = lr / (1 - b1**p.t)
            if rho > o["rho_threshold"]:
                by *= radam.rectification(rho, limit) * math.sqrt(1 - b2**p.t)
                m = m / (np.sqrt(v) + o["eps"])
            p.value = p.value - by * m

        looking_ahead(group, move)


RULES = {"ranger": Rule("ranger", DEFAULTS, step)}

# A matrix, a vector, a scalar, one without elements, a convolution's four axes, and three.
SHAPES = ((3, 4), (5,), (), (2, 0), (2, 2, 1, 3), (2, 1, 3))


def cases():
    row = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("ranger", "ranger", {**row, "gc": True},
                 (-0.8165158558855, -0.7993022149441, -0.8226981928994))
    yield golden("ranger_nogc", "ranger", row,
                 (-0.8108066284185, -0.7717537538360, -0.7225283260699))

    # Parameter 4 first has a gradient after the first synchronisation, parameter 0 has none at one.
    late = HOLES | {(3, 0), (6, 0)} | {(t, 4) for t in range(1, 5)}
    yield mixed("ranger: defaults, missing gradients", "ranger", {}, 1701, missing=late)
    yield mixed("ranger: centralized, two groups", "ranger",
                {"lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-2, "weight_decay": 0.4, "k": 3,
                 "alpha": 0.3, "gc": True}, 1703, missing=late, shapes=SHAPES,
                second={"lr": 0.03, "betas": [0.6, 0.9], "eps": 0.1, "k": 2, "alpha": 0.8,
                        "slow_init": "lazy", "gc": True, "gc_conv_only": True, "maximize": True})
    at = {"lr": 0.03, "betas": [0.85, 0.98], "eps": 1e-3, "weight_decay": 0.3, "k": 3}
    for n, slow_init in enumerate(("initial", "lazy")):
        for conv_only in (False, True):
            name = f"ranger: {slow_init}, centralized{' kernels only' if conv_only else ''}"
            yield mixed(name + ", rate changes", "ranger",
                        {**at, "slow_init": slow_init, "gc": True, "gc_conv_only": conv_only},
                        1705 + 2 * n, missing=late, shapes=SHAPES, lr_scale=RATES,
                        record=(1, 3, 6, 12))
        yield mixed(f"ranger: {slow_init}, late and missing gradients", "ranger",
                    {**at, "slow_init": slow_init, "alpha": 0.7}, 1709 + 2 * n, missing=late,
                    record=(2, 3, 4, 6, 9, 12))
    yield mixed("ranger: kernels only without gc changes nothing", "ranger",
                {**at, "gc_conv_only": True}, 1713, shapes=SHAPES, missing=late)
    yield mixed("ranger: a higher threshold opens later, forty steps", "ranger",
                {**at, "k": 5, "rho_threshold": 9.0, "gc": True, "maximize": True}, 1715, steps=40,
                missing=late, record=(1, 7, 40))
    yield mixed("ranger: synchronises every step", "ranger", {**at, "k": 1, "alpha": 0.4}, 1717,
                missing=late)
    yield mixed("ranger: alpha one is RAdamW", "ranger", {**at, "k": 2, "alpha": 1.0}, 1719,
                missing=late)
    yield mixed("ranger: alpha zero returns to the start", "ranger",
                {**at, "k": 4, "alpha": 0.0}, 1721, missing=HOLES)
    yield mixed("ranger: zero gradients before the first and between others", "ranger",
                {**at, "gc": True}, 1723, zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed("ranger: rate zero moves nothing", "ranger",
                {"lr": 0.0, "weight_decay": 0.1, "k": 2}, 1725, tolerance=0.0)
    yield from narrow("ranger", {"lr": 0.06, "betas": [0.9, 0.95], "eps": 1e-3, "k": 4,
                                 "weight_decay": 0.1, "gc": True}, 1727)


def verify(histories, near):
    inner = {"lr": 0.02, "betas": [0.9, 0.98], "eps": 1e-4, "weight_decay": 0.2}
    one = run(Case("", "ranger", [({**inner, "alpha": 1.0, "k": 4}, parity_values())], "parity",
                   60, ()), RULES["ranger"])
    plain = run(Case("", "radamw", [(inner, parity_values())], "parity", 60, ()),
                radam.RULES["radamw"])
    for a, b in zip(one[60], plain[60]):
        near("alpha one equals RAdamW", a, b, 1e-13)
    start = histories["ranger: alpha zero returns to the start"]
    for t in (4, 8, 12):
        for a, b in zip(start[0], start[t]):
            near("alpha zero returns to the start every k steps", a, b, 0.0)
