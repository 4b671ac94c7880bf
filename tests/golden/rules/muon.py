"""Muon with its kit: orthogonal directions for matrices, AdamW for the rest."""

import math

import numpy as np

from rules import Rule
from trajectory import RATES, Case, advance, drawn, drawn_rows, golden, mixed, narrow, norm
from trajectory import parity_gradients, parity_values

FILE = "muon.json"

DEFAULTS = {
    "lr": 1e-3,
    "momentum": 0.95,
    "nesterov": True,
    "weight_decay": 0.1,
    "decay_mode": "decoupled",
    "cautious_decay": False,
    "decay_scale": "lr",
    "max_lr": "none",
    "ns_preset": "original",
    "ns_coefficients": [3.4445, -4.7750, 2.0315],
    "ns_steps": 5,
    "eps": 1e-7,
    "ns_dtype": "b_float16",
    "adjust": "original",
    "normuon": False,
    "normuon_beta2": 0.95,
    "normuon_eps": 1e-8,
    "hyperball": False,
    "flatten_conv": False,
    "split_sizes": [],
    "heads": 0,
    "algorithm": "muon",
    "adamw_betas": [0.9, 0.95],
    "adamw_eps": 1e-10,
    "maximize": False,
}

DION = [(4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046), (2.8366, -3.0525, 1.2012)]
POLAR = [(8.156554524902461, -22.48329292557795, 15.878769915207462),
         (4.042929935166739, -2.808917465908714, 0.5000178451051316),
         (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
         (3.285753657755655, -2.3681294933425376, 0.46449024233003106)]
POLAR_5 = POLAR + [(2.3465413258596377, -1.7097828382687081, 0.42323551169305323)]
POLAR_N = POLAR + [(2.3005307116270983, -1.6111665557258408, 0.3833374427545273),
                   (1.8631210546382593, -1.2042160621002727, 0.3421879560523383),
                   (1.8382572152247512, -1.1779263289537742, 0.3396513038637379),
                   (1.875, -1.25, 0.375)]


def newton_schulz(o, matrix):
    rows = {"original": [o["ns_coefficients"]], "dion": DION,
            "polar_express": POLAR_5 if o["ns_steps"] == 5 else POLAR_N}[o["ns_preset"]]
    factor = 1.02 if o["ns_preset"] == "polar_express" else 1.0
    high = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if high else matrix
    x = x / max(factor * norm(x), o["eps"])
    for i in range(o["ns_steps"]):
        a, b, c = rows[min(i, len(rows) - 1)]
        s = x @ x.T
        x = a * x + (b * s + c * (s @ s)) @ x
    return x.T if high else x


def scale(o, rows, columns):
    if o["hyperball"]:
        return 1.0
    return {"original": math.sqrt(max(1.0, rows / columns)), "spectral": math.sqrt(rows / columns),
            "match_rms_adam_w": 0.2 * math.sqrt(max(rows, columns)), "none": 1.0}[o["adjust"]]


def direction(o, p, g):
    s, mu = p.state, o["momentum"]
    s["M"] = m = mu * s.get("M", 0.0) + (1 - mu) * g
    u = ((1 - mu) * g + mu * m if o["nesterov"] else m).reshape(g.shape[0], -1)
    rows = o["split_sizes"] or [u.shape[0] // max(1, o["heads"])] * max(1, o["heads"])
    second = s.setdefault("V", np.zeros((u.shape[0], 1)))
    parts, first = [], 0
    for count in rows:
        part = slice(first, first + count)
        x = newton_schulz(o, u[part])
        if o["normuon"]:
            b = o["normuon_beta2"]
            second[part] = b * second[part] + (1 - b) * np.mean(x * x, axis=1, keepdims=True)
            n = x / (np.sqrt(second[part]) + o["normuon_eps"])
            x = n * norm(x) / max(norm(n), 1e-8)
        parts.append(x * scale(o, count, u.shape[1]))
        first += count
    return np.concatenate(parts).reshape(g.shape)


def adam_direction(o, p, g):
    s, (b1, b2) = p.state, o["adamw_betas"]
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * g * g
    c1, c2 = 1 - b1**p.t, 1 - b2**p.t
    return s["m"] / c1 / (np.sqrt(s["v"]) / math.sqrt(c2) + o["adamw_eps"])


def step(groups):
    for group in groups:
        o = group.options
        lr, wd = o["lr"], o["weight_decay"]
        if o["max_lr"] == "none":
            o["max_lr"] = lr  # of the first step, which no case begins with another rate
        rate = lr
        if o["decay_scale"] != "lr":
            rate = (lr if o["decay_scale"] == "corrected" else 1.0) * lr / o["max_lr"]
        for p, g in advance(group, lambda p: True):
            if g.size == 0:
                continue
            muon = o["algorithm"] == "muon"
            u = direction(o, p, g) if muon else adam_direction(o, p, g)
            kept = np.where(u * p.value >= 0, 1.0, 0.0) if o["cautious_decay"] else 1.0
            decay = wd * kept * p.value if o["decay_mode"] == "decoupled" else 0.0
            if muon and o["hyperball"]:
                first = p.state.setdefault("n", norm(p.value))
                if lr == 0:
                    continue
                u = u + decay
                moved = p.value - lr * first * u / max(norm(u), 1e-12)
                p.value = moved * first / max(norm(moved), 1e-12)
            else:
                p.value = p.value - rate * decay - lr * u


RULES = {"muon": Rule("muon", DEFAULTS, step)}
SHAPES = ((4, 3), (3, 5))


def cases():
    at = {"lr": 0.02, "ns_dtype": "same"}

    def row(name, options, numbers, shapes=SHAPES, **more):
        return golden(name, "muon", {**at, **options}, numbers, shapes=shapes, **more)

    yield row("muon_bf16", {"ns_dtype": "b_float16"},
              (1.309611676006, 1.281241107281, 0.852419960437), tolerance=5e-2)
    yield row("muon_f64", {}, (1.30866368005, 1.278833612669, 0.837677978083))
    yield row("muon_rms_f64", {"adjust": "match_rms_adam_w", "nesterov": False},
              (1.307956692386, 1.272966526193, 1.081281455363))
    yield row("muon_dion", {"ns_preset": "dion"},
              (1.313980890951, 1.325337417608, 0.7727193245464))
    yield row("normuon", {"normuon": True, "normuon_eps": 0.0},
              (1.31032472423, 1.302816751552, 1.144786372767))
    polar = {"normuon": True, "ns_preset": "polar_express", "adjust": "spectral", "eps": 1e-300}
    yield row("normuon_polar", polar, (1.322336979422, 1.415952949109, 1.244246360944))
    yield row("normuon_caut", {**polar, "adjust": "match_rms_adam_w", "nesterov": False,
                               "cautious_decay": True},
              (1.315725624479, 1.359010658376, 1.48758354499))
    yield row("muon_hyper", {"hyperball": True},
              (1.331996864863, 1.519323162847, 2.031961743129))
    split = row("muon_split", {}, (0.7571035353395, 0.8525200547565, 1.019471591982),
                tolerance=1e-10)
    a, b = parity_values(((6, 4), (3, 5)))
    split.groups = [({**at, **polar, "split_sizes": [2, 3, 1]}, [a]), ({**at, **polar}, [b])]
    yield split
    conv = {"flatten_conv": True}
    yield row("muon_conv", conv, (-0.1034425849835, 0.2423439934989, 1.39976531639),
              shapes=((4, 3), (2, 3, 2)))
    aux = row("muon_aux", {}, (-0.8148864523696, -0.671044554253, -0.2577384318592))
    a, b, c, d = parity_values()
    aux.groups = [({**at, **conv}, [a]),
                  ({"lr": 0.003, "weight_decay": 0.01, "algorithm": "adamw"}, [b]),
                  ({**at, **conv}, [c, d])]
    yield aux

    shapes, holes = ((3, 4), (5, 2), (1, 1), (0, 3)), {(1, 0), (2, 1), (5, 1), (7, 0)}
    others = [
        ("defaults but the type", {"ns_dtype": "same"}),
        ("coupled decay", {"weight_decay": 0.5, "decay_mode": "coupled", "ns_steps": 3}),
        ("corrected decay", {"decay_scale": "corrected", "max_lr": 0.05, "momentum": 0.5}),
        ("independent decay", {"decay_scale": "independent", "weight_decay": 0.02}),
        ("cautious independent decay", {"decay_scale": "independent", "max_lr": 0.1,
                                        "weight_decay": 0.3, "cautious_decay": True}),
        ("no adjustment, six steps of polar express", {"adjust": "none", "ns_steps": 6,
                                                       "ns_preset": "polar_express"}),
        ("ten steps of dion", {"ns_steps": 10, "ns_preset": "dion", "momentum": 0.0}),
        ("hyperball with cautious decay", {"hyperball": True, "cautious_decay": True,
                                           "weight_decay": 0.4, "normuon": True}),
        ("maximize", {"maximize": True, "nesterov": False}),
        ("own coefficients", {"ns_coefficients": [2.0, -1.5, 0.5], "ns_steps": 8}),
    ]
    for n, (name, options) in enumerate(others):
        yield mixed(f"muon: {name}", "muon", {**at, **options}, 3601 + 2 * n, shapes=shapes,
                    missing=holes, zero={(4, 0)}, lr_scale=RATES)
    values = drawn(3631, ((6, 2), (4,), (2, 3)))
    rows = drawn_rows(3633, ((6, 2), (4,), (2, 3)), 12, {(3, 1)})
    yield Case("muon: heads, and AdamW with each kind of decay", "muon",
               [({**at, "heads": 3, "normuon": True}, values[:1]),
                ({"lr": 0.01, "algorithm": "adamw", "cautious_decay": True,
                  "adamw_betas": [0.8, 0.9], "adamw_eps": 1e-2}, values[1:2]),
                ({"lr": 0.01, "algorithm": "adamw", "decay_mode": "coupled",
                  "maximize": True}, values[2:])],
               rows, 12, (1, 2, 6, 12), lr_scale=RATES)
    yield mixed("muon: rate zero moves nothing", "muon", {**at, "lr": 0.0}, 3635, shapes=shapes,
                tolerance=0.0)
    yield from narrow("muon", {"lr": 0.02, "ns_dtype": "float32"}, 3637, (2e-5, 5e-2, 1e-2),
                      shapes=shapes[:2])


def verify(histories, near):
    # torch.optim.Muon computes in bfloat16.
    try:
        import torch
    except ImportError:
        return
    for adjust, name in (("original", "muon_bf16"), ("match_rms_adamw", "muon_rms_f64")):
        params = [torch.tensor(x).requires_grad_() for x in parity_values(SHAPES)]
        optimizer = torch.optim.Muon(params, lr=0.02, adjust_lr_fn=adjust,
                                     nesterov=adjust == "original")
        for t in range(1, 61):
            for p, g in zip(params, parity_gradients([p.detach().numpy() for p in params], t)):
                p.grad = torch.tensor(g)
            optimizer.step()
        for p, wanted in zip(params, histories[name][60]):
            near(f"torch.optim.Muon, {adjust}", p.detach().numpy(), wanted, 5e-2)
