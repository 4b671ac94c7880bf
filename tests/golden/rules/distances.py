"""DoG, DoWG and Polyak's step: SGD whose rate follows from distances, or from the loss."""

import math

import numpy as np

from rules import Rule
from trajectory import HOLES, RATES, advance, golden, mixed, narrow

FILE = "distances.json"

DOG = {
    "lr": 1.0,
    "init": "heuristic",
    "init_value": 1e-6,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "maximize": False,
}
DOWG = {
    "lr": 1.0,
    "init_estim_sq_dist": "none",
    "eps": 1e-4,
    "weight_decay": 0.0,
    "maximize": False,
}
POLYAK = {"lr": 1.0, "max_step": 1.0, "f_min": 0.0, "eps": 0.0, "clamp_gap": False}


def live(groups):
    """All parameters with a gradient, and this with its decay added."""
    found = []
    for group in groups:
        for p, g in advance(group):
            p.state.setdefault("x0", p.value.copy())
            found.append((group.options["lr"], p,
                          g + group.options.get("weight_decay", 0.0) * p.value))
    return found


def squares(arrays):
    return sum(float(np.sum(x * x)) for x in arrays)


def walk(found, rate):
    for lr, p, g in found:
        p.value = p.value - lr * rate * g


def dog(groups):
    o, found = groups[0].options, live(groups)
    if not found:
        return
    distance = math.sqrt(squares(p.value - p.state["x0"] for _, p, _ in found))
    wide = groups[0].__dict__.setdefault("wide", {"n": 0.0})
    wide["n"] += squares(g for _, _, g in found)
    if "r" not in wide:
        size = math.sqrt(squares(p.value for _, p, _ in found))
        wide["r"] = {"heuristic": o["init_value"] * (1 + size), "distance": o["init_value"],
                     "learning_rate": 0.0}[o["init"]]
        if o["init"] == "learning_rate":
            return walk(found, o["init_value"])
    wide["r"] = max(wide["r"], distance)
    walk(found, wide["r"] / math.sqrt(wide["n"] + o["eps"]))


def dowg(groups):
    o, found = groups[0].options, live(groups)
    if not found:
        return
    start = o["eps"] if o["init_estim_sq_dist"] == "none" else o["init_estim_sq_dist"]
    wide = groups[0].__dict__.setdefault("wide", {"e": start, "w": 0.0})
    wide["e"] = max(wide["e"], squares(p.value - p.state["x0"] for _, p, _ in found))
    wide["w"] += wide["e"] * squares(g for _, _, g in found)
    walk(found, wide["e"] / (math.sqrt(wide["w"]) + o["eps"]))


def polyak(groups):
    o, found = groups[0].options, live(groups)
    size, gap = squares(g for _, _, g in found) + o["eps"], groups[0].loss - o["f_min"]
    if o["clamp_gap"]:
        gap = max(gap, 0.0)
    walk(found, 0.0 if size <= np.finfo(float).eps else min(gap / size, o["max_step"]))


RULES = {
    "dog": Rule("dog", DOG, dog),
    "dowg": Rule("dowg", DOWG, dowg),
    "polyak_sgd": Rule("polyak_sgd", POLYAK, polyak),
}


def each_kind(rule, at, second, seed, tolerances=(1e-5, 5e-2, 5e-3)):
    def each(name, options, number, **more):
        return mixed(f"{rule}: {name}", rule, options, seed + number, **more)

    yield each("defaults, missing gradients", {}, 0, missing=HOLES)
    yield each("two groups", at, 2, missing=HOLES, second={**at, **second})
    yield each("rate changes", at, 4, missing=HOLES, lr_scale=RATES)
    yield each("zero gradients before the first and between others", at, 6,
               zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield each("rate zero moves nothing", {**at, "lr": 0.0}, 8, tolerance=0.0)
    yield from narrow(rule, at, seed + 10, tolerances)


def cases():
    yield golden("dog", "dog", {}, (-0.8263061904603, -0.8262752512507, -0.7102114450472))
    yield golden("dog_x", "dog", {"lr": 0.5, "init": "distance", "init_value": 0.05, "eps": 1e-6,
                                  "weight_decay": 0.1},
                 (-0.8224271854755, -0.7854695748356, 0.02186321566244))
    yield golden("dowg", "dowg", {}, (-0.8247711790107, -0.4171540975217, -0.01192159763905))
    yield golden("dowg_x", "dowg", {"lr": 0.7, "init_estim_sq_dist": 0.01, "eps": 1e-3,
                                    "weight_decay": 0.1},
                 (-0.8154542704195, -0.2561889125964, -0.02177150829238))
    yield golden("polyak", "polyak_sgd", {"f_min": -5.0},
                 (-0.4888977314505, -0.009862715898227, 0.04473607458645))
    yield golden("polyak_x", "polyak_sgd",
                 {"f_min": 2.0, "max_step": 0.2, "eps": 0.5, "clamp_gap": True},
                 (-0.6028886382364, -0.4732161248011, -0.4716393628633))

    at = {"lr": 0.5, "init_value": 0.1, "eps": 0.1, "weight_decay": 0.3}
    other = {"lr": 0.2, "weight_decay": 0.1}
    yield from each_kind("dog", at, other, 3501)
    for n, init in enumerate(("distance", "learning_rate")):
        yield mixed(f"dog: {init}, maximize", "dog", {**at, "init": init, "maximize": True},
                    3521 + 2 * n, missing=HOLES)
    at = {"lr": 0.5, "init_estim_sq_dist": 0.1, "eps": 0.01, "weight_decay": 0.3}
    yield from each_kind("dowg", at, other, 3531)
    yield mixed("dowg: maximize", "dowg", {**at, "maximize": True}, 3551, missing=HOLES)
    yield from each_kind("polyak_sgd", {"lr": 0.5, "f_min": -3.0, "max_step": 0.4, "eps": 0.1},
                         {"lr": 0.2}, 3561)
    yield mixed("polyak_sgd: below the least loss", "polyak_sgd", {"f_min": 4.0}, 3581,
                missing=HOLES)
    yield mixed("polyak_sgd: below the least loss, clamped", "polyak_sgd",
                {"f_min": 4.0, "clamp_gap": True}, 3583, tolerance=0.0)


def verify(histories, near):
    pass
