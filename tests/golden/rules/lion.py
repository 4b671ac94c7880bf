"""Lion: the sign of an interpolated moment, with decoupled decay."""

import numpy as np

from rules import Rule
from rules.adam import cautious
from trajectory import HOLES, RATES, advance, decays, golden, keras_five_steps, keras_single_step
from trajectory import mixed

FILE = "lion.json"

DEFAULTS = {
    "lr": 1e-4,
    "betas": [0.9, 0.99],
    "weight_decay": 0.0,
    "decay_mode": "decoupled",
    "cautious": "off",
    "maximize": False,
}


def step(groups):
    for group in groups:
        lr, (b1, b2) = group.options["lr"], group.options["betas"]
        for p, g in advance(group):
            m = p.state.get("exp_avg", np.zeros_like(g))
            u = np.sign(b1 * m + (1 - b1) * g)
            p.value = p.value - lr * cautious(u, g, group.options["cautious"])
            p.state["exp_avg"] = b2 * m + (1 - b2) * g


RULES = {"lion": Rule("lion", DEFAULTS, step)}


def cases():
    yield golden("lion", "lion", {"lr": 0.01, "weight_decay": 0.1},
                 (-0.8220394163499, -0.6792037548198, -0.319644050806))
    yield golden("lion_caut", "lion",
                 {"lr": 0.01, "weight_decay": 0.1, "cautious": "mean_clamp"},
                 (-0.8220394163499, -0.6921650424191, -0.2464626371271))
    yield golden("c_lion", "lion",
                 {"lr": 0.01, "weight_decay": 0.1, "betas": [0.95, 0.98],
                  "cautious": "numel_over_sum"},
                 (-0.8202927028942, -0.693380958775, -0.1791053769849))

    yield mixed("lion: defaults, missing gradients", "lion", {}, 301, missing=HOLES)
    yield mixed("lion: two groups", "lion", {"lr": 0.02, "betas": [0.5, 0.8]}, 303, missing=HOLES,
                second={"lr": 0.003, "betas": [0.95, 0.9], "weight_decay": 0.7, "maximize": True})
    yield mixed("lion: coupled decay", "lion",
                {"lr": 0.02, "weight_decay": 0.6, "decay_mode": "coupled"}, 305, missing=HOLES)
    yield mixed("lion: rate changes", "lion", {"lr": 0.02, "weight_decay": 0.3}, 307,
                missing=HOLES, lr_scale=[1, 0.5, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7])
    yield mixed("lion: first beta zero is a step by sign of the gradient", "lion",
                {"lr": 0.02, "betas": [0.0, 0.99]}, 309, missing=HOLES)
    yield mixed("lion: a zero gradient at the start moves nothing", "lion", {"lr": 0.02}, 311,
                zero={(t, p) for t in (1, 2, 6) for p in range(5)})
    for n, form in enumerate(("mean_clamp", "numel_over_sum")):
        at = {"lr": 0.02, "betas": [0.7, 0.9], "weight_decay": 0.3, "cautious": form}
        yield mixed(f"lion: cautious {form}, maximize, rate changes", "lion",
                    {**at, "maximize": True}, 319 + 2 * n, missing=HOLES, lr_scale=RATES)
        yield mixed(f"lion: cautious {form}, coupled decay, beside a group without", "lion",
                    {**at, "decay_mode": "coupled"}, 323 + 2 * n,
                    zero={(t, p) for t in (1, 4, 5) for p in range(5)},
                    second={"lr": 0.01, "betas": [0.5, 0.8], "weight_decay": 0.1})
    yield mixed("lion: rate zero moves nothing", "lion", {"lr": 0.0, "weight_decay": 0.1}, 313,
                tolerance=0.0)
    yield mixed("lion: float32", "lion", {"lr": 0.01, "weight_decay": 0.1}, 315, missing=HOLES,
                dtype="float32", tolerance=2e-6)
    for dtype, tolerance in (("bfloat16", 5e-2), ("float16", 5e-3)):
        yield mixed(f"lion: {dtype}", "lion", {"lr": 0.01, "weight_decay": 0.1}, 317,
                    missing=HOLES, dtype=dtype, tolerance=tolerance)
    yield golden("lion_cautdecay", "lion",
                 {"lr": 0.01, "weight_decay": 0.1, "cautious_decay": True},
                 (-0.8220718067964, -0.6790347683441, -0.3206253246017))
    yield from decays("lion", {"lr": 0.02, "betas": [0.7, 0.9], "weight_decay": 0.3,
                               "cautious": "mean_clamp"}, 331)



def verify(histories, near):
    lion = RULES["lion"]
    near("Keras: one step on four numbers", keras_single_step(lion, {}), [0.5, 1.5, 2.5, 3.5],
         1e-12)
    five = keras_five_steps(lion, {"lr": 1e-3})
    near("Keras: five steps", five.T, [0.999, 0.998, 0.997, 0.996, 0.995], 1e-12)
