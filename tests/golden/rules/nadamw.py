"""NAdamW: AdamW with Nesterov's momentum; the option nesterov of Adam and AdamW."""

import math

import numpy as np

from rules import Rule
from rules.adam import ADAM, ADAMW, cautious
from rules.nadam import RULES as NADAM
from trajectory import HOLES, RATES, Case, advance, common, golden, mixed, parity_values, run

FILE = "nadamw.json"


def step(groups):
    for group in groups:
        o = group.options
        lr, (b1, b2), eps = o["lr"], o["betas"], o["eps"]
        for p, g in advance(group):
            s = p.state
            s["m"] = m = b1 * s.get("m", 0.0) + (1 - b1) * g
            s["v"] = y = b2 * s.get("v", 0.0) + (1 - b2) * g * g
            if o["amsgrad"]:
                s["x"] = y = np.maximum(s.get("x", 0.0), y)
            corrected = o["bias_correction"]
            c1, c2 = (1 - b1**p.t, 1 - b2**p.t) if corrected else (1.0, 1.0)
            ahead = 1 - b1 ** (p.t + 1) if corrected and o["nesterov"] == "ahead" else c1
            if o["nesterov"] == "off":
                average = m / c1
            else:
                average = b1 * m / ahead + (1 - b1) * g / c1
            average = cautious(average, g, o["cautious"])
            if o["eps_mode"] == "outside":
                p.value = p.value - lr * average / (np.sqrt(y) / math.sqrt(c2) + eps)
            elif o["eps_mode"] == "inside":
                p.value = p.value - lr * average / np.sqrt(y / c2 + eps)
            else:
                p.value = p.value - lr * math.sqrt(c2) * average / (np.sqrt(y) + eps)


RULES = {
    "nadamw": Rule("nadamw", {**ADAMW, "nesterov": "plain"}, step),
    "adamw": Rule("adamw", {**ADAMW, "nesterov": "off"}, step),
    "adam": Rule("adam", {**ADAM, "nesterov": "off"}, step),
}


def cases():
    at = {"lr": 0.01, "weight_decay": 0.1}
    yield golden("nadamw", "nadamw", at, (-0.8189422050357, -0.6878642882659, -0.319665003264))
    yield golden("nadamw_caut", "nadamw", {**at, "cautious": "mean_clamp"},
                 (-0.8189422050357, -0.6844019761708, -0.3240879801161))
    yield golden("nadamw_ahead", "nadamw", {**at, "nesterov": "ahead"},
                 (-0.8204093039148, -0.7009479949662, -0.3369646865488))

    narrow = {"lr": 0.02, "betas": [0.9, 0.95], "eps": 1e-3, "weight_decay": 0.3}
    yield from common("nadamw", narrow,
                      {**narrow, "nesterov": "ahead", "amsgrad": True, "decay_mode": "coupled"},
                      2901)
    for n, mode in enumerate(("outside", "inside", "hat")):
        for nesterov in ("plain", "ahead"):
            yield mixed(f"adam: {nesterov}, eps {mode}", "adam",
                        {"lr": 0.03, "betas": [0.7, 0.9], "eps": 0.05, "eps_mode": mode,
                         "nesterov": nesterov, "weight_decay": 0.2}, 2931 + 2 * n, missing=HOLES,
                        lr_scale=RATES, second={"lr": 0.01})
    yield mixed("adamw: ahead without bias correction, cautious", "adamw",
                {**narrow, "nesterov": "ahead", "bias_correction": False,
                 "cautious": "numel_over_sum"}, 2941, missing=HOLES, second=narrow)


def verify(histories, near):
    # Where 0.96^(t psi) is 0, NAdam's momentum is b1 from the first step on.
    options = {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 1e6, "decay_mode": "decoupled"}
    nadam = run(Case("", "nadam", [(options, parity_values())], "parity", 60, ()), NADAM["nadam"])
    for a, b in zip(nadam[60], histories["nadamw_ahead"][60], strict=True):
        near("NAdam with its momentum at its full value is nadamw ahead", a, b, 1e-14)
