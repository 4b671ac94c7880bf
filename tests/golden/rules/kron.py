"""PSGD-Kron: the momentum whitened by factors that learn from random probes."""

import math

import numpy as np

from rules import Rule
from rules.shampoo import unfolded
from trajectory import HOLES, RATES, agreed, decay_ratio, decays, golden, mixed, narrow

FILE = "kron.json"

DEFAULTS = {
    "lr": 1e-3,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "precond_lr": 0.1,
    "init_scale": 1.0,
    "max_size_triangular": 8192,
    "min_dim_triangular": 2,
    "memory_save": "none",
    "momentum_into_precond": True,
    "update_probability": "none",
    "seed": 0,
    "flatten_from": 0,
    "maximize": False,
}
WORD = 2**32


def philox(seed, counter):
    low, high = seed % WORD, seed // WORD
    a, b, c, d = counter
    for _ in range(10):
        first, second = 0xd2511f53 * a, 0xcd9e8d57 * c
        a, b, c, d = (second // WORD) ^ b ^ low, second % WORD, (first // WORD) ^ d ^ high, first % WORD
        low, high = (low + 0x9e3779b9) % WORD, (high + 0xbb67ae85) % WORD
    return a, b, c, d


def probe(seed, position, t, count):
    numbers = []
    for block in range((count + 1) // 2):
        words = [(w + 0.5) / WORD for w in philox(seed, (block, 2**31, position, t))]
        for u, v in (words[:2], words[2:]):
            numbers.append(math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v))
    return np.array(numbers[:count])


def along(matrix, x, axis):
    """sum_j matrix[i, j] x[.. j ..]"""
    return np.moveaxis(np.tensordot(matrix, x, axes=(1, axis)), 0, axis)


def bound(s):
    a = np.max(np.abs(s))
    if a == 0:
        return 0.0
    s = s / a
    columns, rows = np.sum(s * s, axis=0), np.sum(s * s, axis=1)
    i, j = int(np.argmax(columns)), int(np.argmax(rows))
    if columns[i] > rows[j]:
        x = s[:, i] @ s
        return a * np.linalg.norm((x / np.linalg.norm(x)) @ s.T)
    x = s @ s[j]
    return a * np.linalg.norm(s.T @ (x / np.linalg.norm(x)))


def is_diagonal(o, shape, axis):
    longest = len(shape) - 1 - int(np.argmax(shape[::-1]))
    alone = sorted(shape)[-1] > (sorted(shape)[-2] if len(shape) > 1 else 0)
    return (shape[axis] == 1 or shape[axis] > o["max_size_triangular"]
            or len(shape) < o["min_dim_triangular"] or o["memory_save"] == "all_diag"
            or (axis == longest and (o["memory_save"] == "one_diag"
                                     or o["memory_save"] == "smart_one_diag" and alone)))


def learn(o, q, diagonal, x, v):
    a, b = x, v
    for axis, matrix in enumerate(q):
        a = along(matrix, a, axis)
        b = along(np.linalg.inv(matrix).T, b, axis)
    for axis, matrix in enumerate(q):
        first = unfolded(a, axis) @ unfolded(a, axis).T
        second = unfolded(b, axis) @ unfolded(b, axis).T
        if diagonal[axis]:
            first, second = np.diag(np.diag(first)), np.diag(np.diag(second))
            size = np.max(np.abs(first + second))
        else:
            size = bound(first + second)
        change = np.triu(o["precond_lr"] * (first - second)) / (size + 2.0**-126)
        q[axis] = matrix - change @ matrix


def move(o, p, g, position):
    shape = list(g.shape) or [1]
    if 0 < o["flatten_from"] < len(shape):
        shape[o["flatten_from"]:] = [math.prod(shape[o["flatten_from"]:])]
    g, s = g.reshape(shape), p.state
    diagonal = [is_diagonal(o, shape, axis) for axis in range(len(shape))]
    q = s.setdefault("q", [o["init_scale"]**(1 / len(shape)) * np.eye(n) for n in shape])
    chance = o["update_probability"]
    if chance == "none":
        chance = min(1.0, max(0.03, math.exp(-0.001 * (p.t - 500))))
    p.t += 1
    s["count"] = s.get("count", 0) + 1
    s["m"] = m = o["momentum"] * s.get("m", 0.0) + (1 - o["momentum"]) * g
    mean = m / (1 - o["momentum"]**p.t)
    if s["count"] >= 1 / chance:
        s["count"] = 0
        learn(o, q, diagonal, mean if o["momentum_into_precond"] else g,
              probe(o["seed"], position, p.t, g.size).reshape(shape))
    h = mean
    for axis, matrix in enumerate(q):
        h = along(matrix.T @ matrix, h, axis)
    h = h * min(1.0, 1.1 / (math.sqrt(np.mean(h * h)) + 1e-8))
    h = h.reshape(p.value.shape)
    start, decay = p.value, o["lr"] * decay_ratio(o) * o["weight_decay"]
    if o["decay_mode"] == "coupled":
        h, decay = h + o["weight_decay"] * start, 0.0
    p.value = start - o["lr"] * h - decay * agreed(o, h, start)


def step(groups):
    position = 0
    for group in groups:
        for p in group.parameters:
            if p.grad is not None and p.grad.size > 0:
                move(group.options, p, -p.grad if group.options["maximize"] else p.grad, position)
            position += 1


RULES = {"kron": Rule("kron", DEFAULTS, step)}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1, "seed": 7}
    yield golden("kron", "kron", at, (-0.8224713475592, -0.7577054921661, -0.7148865687736))
    yield golden("kron_x", "kron",
                 {**at, "decay_mode": "coupled", "momentum_into_precond": False, "init_scale": 0.5,
                  "precond_lr": 0.2}, (-0.8258971944284, -0.716516245405, -0.8605800172594))
    yield golden("kron_one_diag", "kron",
                 {"lr": 0.01, "memory_save": "one_diag", "update_probability": 0.4, "seed": 7},
                 (-0.8164323783646, -0.7571660330683, -0.5532587618838))

    mine = {**at, "lr": 0.05, "momentum": 0.6, "seed": 2**33 + 5}

    def each(name, options, seed, **more):
        return mixed(f"kron: {name}", "kron", options, seed, **more)

    yield each("defaults, missing gradients", {}, 4001, missing=HOLES)
    yield each("two groups", mine, 4003, missing=HOLES,
               second={**mine, "memory_save": "all_diag", "decay_mode": "coupled"})
    yield each("rate changes, maximize", {**mine, "maximize": True}, 4005, missing=HOLES,
               lr_scale=RATES)
    yield each("zero gradients between others", mine, 4007,
               zero={(t, p) for t in (5, 6) for p in range(5)})
    yield each("rate zero moves nothing", {**mine, "lr": 0.0}, 4009, tolerance=0.0)
    yield each("smart one diagonal, flat kernels",
               {**mine, "memory_save": "smart_one_diag", "flatten_from": 1}, 4011)
    yield each("vectors have triangles, long axes have none",
               {**mine, "min_dim_triangular": 0, "max_size_triangular": 2}, 4013)
    yield each("vectors have triangles", {**mine, "min_dim_triangular": 1}, 4015)
    # The first parameter's factors are balanced in step 2, the last one's in step 5; not here.
    yield each("balanced factors take the same steps", {**mine, "seed": 75}, 4023)
    yield from decays("kron", mine, 4025)
    yield from narrow("kron", mine, 4017, (1e-4, 1e-1, 1e-2))


def verify(histories, near):
    near("Philox of counter 0 and key 0", philox(0, (0, 0, 0, 0)),
         (0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8), 0.0)
    near("Philox of another counter", philox(0x299f31d0a4093822, (0x243f6a88, 0x85a308d3,
                                                                  0x13198a2e, 0x03707344)),
         (0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1), 0.0)
