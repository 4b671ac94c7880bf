"""Schedule-Free around other rules.

The cases carry the key "schedule_free" with the wrapper's options; groups and options are the inner
optimizer's.
"""

from rules import Rule, adam, rmsprop, sgd
from trajectory import HOLES, RATES, checksum, golden, mixed, run

FILE = "schedule_free_wrapper.json"

DEFAULTS = {
    "momentum": 0.9,
    "weight_decay_at_y": 0.0,
    "r": 0.0,
    "weight_lr_power": 2.0,
    "inner_at": "z",
}


def around(inner_step, given):
    o = {**DEFAULTS, **given}
    b = o["momentum"]

    def step(groups):
        moved = []
        for group in groups:
            lr = group.options["lr"]
            group.k = getattr(group, "k", 0) + 1
            group.lr_max = max(getattr(group, "lr_max", 0.0), lr)
            weight = group.k ** o["r"] * group.lr_max ** o["weight_lr_power"]
            group.weights = getattr(group, "weights", 0.0) + weight
            c = weight / group.weights if group.weights else 0.0
            for p in group.parameters:
                if p.grad is None:
                    continue
                y, z = p.value, getattr(p, "z", p.value)
                x = y + (1 - 1 / b) * (z - y)
                z = z - lr * o["weight_decay_at_y"] * y
                p.value = z if o["inner_at"] == "z" else y
                moved.append((p, x, y, z, c))
        inner_step(groups)
        for p, x, y, z, c in moved:
            p.z = p.value if o["inner_at"] == "z" else z + (p.value - y)
            x = x + c * (p.z - x)
            p.value = x + (1 - b) * (p.z - x)

    return step


def average_of(given):
    b = {**DEFAULTS, **given}["momentum"]
    return lambda group, p: p.value + (1 - 1 / b) * (getattr(p, "z", p.value) - p.value)


INNER = {"rmsprop": rmsprop, "sgd": sgd, "adamw": adam}
# Without torch's form, which knows no wrapper.
RULES = {name: Rule(name, module.RULES[name].defaults, module.RULES[name].step)
         for name, module in INNER.items()}


def run_case(case):
    inner, given = RULES[case.optimizer], case.extra["schedule_free"]
    rule = Rule(inner.name, inner.defaults, inner.step, evaluated=average_of(given))
    return run(case, rule, around(inner.step, given))


def cases():
    def row(name, optimizer, options, wrapper, numbers, **more):
        return golden(name, optimizer, options, numbers,
                      extra={"schedule_free": {**DEFAULTS, **wrapper}}, **more)

    yield row("sf_rmsprop", "rmsprop", {"lr": 0.01, "alpha": 0.95, "eps": 1e-6},
              {"weight_decay_at_y": 0.1}, (-0.8100854759439, -0.6574816614093, -0.4080456245752))
    yield row("sf_sgd_r", "sgd", {"lr": 0.1, "weight_decay": 0.1}, {"momentum": 0.8, "r": 1.0,
                                                                    "weight_lr_power": 1.0},
              (-0.6713027091403, 0.07269814059477, -0.02359296831693))
    yield row("sf_warm", "sgd", {"lr": 0.1}, {}, (-0.8189699996881, -0.458708475967,
                                                  -0.01566812412089),
              lr_scale=[min(1.0, t / 20) for t in range(1, 61)])
    yield row("sf_y", "adamw", {"lr": 0.01, "betas": [0.0, 0.999], "weight_decay": 0.1},
              {"inner_at": "y"}, (-0.8220394137803, -0.7499268834304, -0.5243512869614))

    wrappers = [("defaults", {}), ("rate changes", {"r": 0.5}), ("at y", {"inner_at": "y"}),
                ("decay at y", {"weight_decay_at_y": 0.3, "momentum": 0.7,
                                "weight_lr_power": 0.0})]
    for n, (name, options) in enumerate(wrappers):
        yield mixed(f"schedule_free: {name}", "sgd", {"lr": 0.05, "weight_decay": 0.2},
                    3601 + 2 * n, missing=HOLES, second={"lr": 0.02, "maximize": True},
                    lr_scale=RATES if name == "rate changes" else None,
                    extra={"schedule_free": options})
    yield mixed("schedule_free: around rmsprop", "rmsprop",
                {"lr": 0.05, "eps": 1e-3, "weight_decay": 0.2}, 3611, missing=HOLES,
                extra={"schedule_free": {"momentum": 0.8}})


def verify(histories, near):
    """At a constant rate and r 0 the average is the plain mean of the points z."""
    case = next(case for case in cases() if case.name == "sf_warm")
    case.lr_scale = None
    values, b = [], DEFAULTS["momentum"]
    step = around(sgd.step, {})

    def watched(groups):
        step(groups)
        values.append([p.z.copy() for group in groups for p in group.parameters])

    history = run(case, RULES["sgd"], watched)
    means = [sum(z) / len(values) for z in zip(*values)]
    ends = [(y - (1 - b) * z) / b for y, z in zip(history[-1], values[-1])]
    near("the average is the mean of all points", checksum(ends), checksum(means), 1e-13)
