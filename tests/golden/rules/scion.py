"""Scion: steps to the point of a ball that the momentum points at."""

import math

import numpy as np

from rules import Rule
from trajectory import RATES, Case, advance, drawn, drawn_rows, golden, mixed, norm

FILE = "scion.json"

DEFAULTS = {
    "lr": 1e-3,
    "momentum": 0.9,
    "scale": 1.0,
    "unconstrained": False,
    "norm": "auto",
    "normalized": "none",
    "transpose": False,
    "clamp_scale": False,
    "ns_steps": 5,
    "eps": 1e-7,
    "ns_dtype": "b_float16",
    "maximize": False,
}
SHAPES = ((4, 3), (3, 5), (6, 2))
KERNELS = ((4, 3, 2, 2), (2, 3, 2), (4,))


def orthogonal(o, matrix):
    high = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if high else matrix
    x = x / (norm(x) + o["eps"])
    for _ in range(o["ns_steps"]):
        s = x @ x.T
        x = 3.4445 * x + (-4.7750 * s + 2.0315 * (s @ s)) @ x
    return x.T if high else x


def of_matrix(o, kind, m):
    rows, columns = m.shape
    normalized = kind != "col_norm" if o["normalized"] == "none" else o["normalized"]
    if kind == "spectral":
        s = math.sqrt(rows / columns) if normalized else math.sqrt(rows)
        return (max(1.0, s) if o["clamp_scale"] else s) * orthogonal(o, m)
    if kind == "sign":
        return np.sign(m) / (columns if normalized else 1)
    if kind == "row_norm":
        size = np.sqrt(np.sum(m * m, axis=1, keepdims=True))
        return m / (size * (math.sqrt(columns) if normalized else 1) + 1e-8)
    size = np.sqrt(np.sum(m * m, axis=0, keepdims=True)) / math.sqrt(rows)
    return m / (size * (columns if normalized else 1) + 1e-8)


def direction(o, m):
    kind = o["norm"]
    if kind == "auto":
        kind = {0: "bias_rms", 1: "bias_rms", 2: "spectral"}.get(m.ndim, "spectral_conv")
    if kind == "bias_rms":
        return m / (np.sqrt(np.mean(m * m, axis=0 if m.ndim else None)) + 1e-8)
    if kind == "spectral_conv":
        k = m.shape[2]
        factor = math.sqrt(m.shape[0] / m.shape[1]) / (k if m.ndim == 3 else k * k)
        return factor * orthogonal(o, m.reshape(m.shape[0], -1)).reshape(m.shape)
    return of_matrix(o, kind, m.T).T if o["transpose"] else of_matrix(o, kind, m)


def step(groups):
    for group in groups:
        o = group.options
        for p, g in advance(group):
            if g.size == 0:
                continue
            s, mu = p.state, o["momentum"]
            s["b"] = b = mu * s.get("b", 0.0) + (1 - mu) * g
            if not o["unconstrained"]:
                p.value = p.value * (1 - o["lr"])
            p.value = p.value - o["lr"] * o["scale"] * direction(o, b)


RULES = {"scion": Rule("scion", DEFAULTS, step)}


def cases():
    def row(name, options, numbers, **more):
        return golden(name, "scion", {"lr": 0.01, "ns_dtype": "same", **options}, numbers, **more)

    yield row("scion", {}, (-0.8248756315483, -0.801007473246, -0.68932331392))
    yield row("scion_unc", {"scale": 3.0, "unconstrained": True},
              (-0.846801978774, -0.9991631633446, -0.9095935194394))
    yield row("scion_sign", {"norm": "sign"}, (0.7376778407625, 0.6478098090518, 0.4184181278436),
              shapes=SHAPES)
    yield row("scion_col", {"norm": "col_norm", "normalized": True, "transpose": True},
              (0.7323027494893, 0.5820601593636, -0.04043151034832), shapes=SHAPES)
    yield row("scion_max", {"norm": "spectral", "normalized": False, "clamp_scale": True},
              (0.748078545946, 0.7137154604028, 0.2851454704294), shapes=SHAPES)
    yield row("scion_conv", {"momentum": 0.0}, (0.5273415881297, 0.5326379270859, 0.3954424738908),
              shapes=KERNELS)

    shapes, missing = ((3, 2), (5,), (), (2, 1, 3)), {(1, 0), (2, 1), (5, 1), (7, 3), (3, 2)}
    at = {"lr": 0.05, "ns_dtype": "same", "scale": 2.0, "momentum": 0.6}

    def each(name, options, seed, **more):
        return mixed(f"scion: {name}", "scion", options, seed, shapes=shapes, **more)

    yield each("missing gradients", at, 3801, missing=missing)
    yield each("rate changes, maximize", {**at, "maximize": True}, 3803, missing=missing,
               lr_scale=RATES)
    yield each("rate zero moves nothing", {**at, "lr": 0.0}, 3805, tolerance=0.0)
    yield each("unconstrained, more steps", {**at, "unconstrained": True, "ns_steps": 8,
                                             "eps": 1e-3}, 3807)
    plain = ((4, 3), (2, 5))
    for n, more in enumerate(({"norm": "row_norm"}, {"norm": "row_norm", "normalized": False},
                              {"norm": "row_norm", "transpose": True}, {"norm": "col_norm"},
                              {"norm": "sign", "normalized": False}, {"clamp_scale": True})):
        yield Case(f"scion: {more}", "scion", [({**at, **more}, drawn(3811 + n, plain))],
                   drawn_rows(3821 + n, plain, 8), 8, (1, 4, 8))
    yield mixed("scion: float32", "scion", {**at, "ns_dtype": "float32"}, 3831, shapes=shapes,
                dtype="float32", tolerance=2e-5)
    yield mixed("scion: bfloat16", "scion", at, 3833, shapes=shapes, dtype="bfloat16",
                tolerance=1e-1)


def verify(histories, near):
    pass
