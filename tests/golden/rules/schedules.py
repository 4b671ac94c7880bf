"""Schedules: the rates they give, and optimizers run with the rates of the step and the cosine.

The key "schedule" names the schedule and its parameters; "lr_scale" holds the same rates as
factors, so that the case can also be run by setting the rate before each step.

The key "sequences" of the last case holds the rates of all schedules at n = 0, 1, ..., by group,
and the momenta of those that move it: what torch.optim.lr_scheduler gives, step by step, for the
schedules that Python has, and for the others what the functions of this file give. Without torch
the sequences of the first kind are taken from the file.
"""

import json
import math
import pathlib
import warnings

from rules import Rule, adam, sgd
from trajectory import HOLES, mixed

FILE = "schedules.json"

RULES = {"sgd": Rule("sgd", sgd.DEFAULTS, sgd.step),
         "adamw": Rule("adamw", adam.ADAMW, adam.step)}


def step_rate(n, base, step_size, gamma):
    return base * gamma ** (n // step_size)


def cosine_rate(n, base, T_max, eta_min=0.0, clamp=False):
    if clamp:
        n = min(n, T_max)
    return eta_min + (base - eta_min) * (1 + math.cos(math.pi * n / T_max)) / 2


def cases():
    ball = {"lr": 0.05, "momentum": 0.9}
    plans = [
        ("every third step", "sgd", ball, {"name": "step", "step_size": 3, "gamma": 0.5}),
        ("every step", "adamw", {"lr": 0.05}, {"name": "step", "step_size": 1, "gamma": 0.9}),
        ("factor above one", "sgd", ball, {"name": "step", "step_size": 5, "gamma": 1.25}),
        ("to zero", "sgd", ball, {"name": "cosine", "T_max": 12}),
        ("to an end rate", "adamw", {"lr": 0.05}, {"name": "cosine", "T_max": 10, "eta_min": 0.01}),
        ("past its end, periodic", "sgd", ball, {"name": "cosine", "T_max": 4, "eta_min": 0.005}),
        ("past its end, held", "sgd", ball,
         {"name": "cosine", "T_max": 5, "eta_min": 0.005, "clamp": True}),
    ]
    for n, (name, optimizer, options, schedule) in enumerate(plans):
        rate = {"step": step_rate, "cosine": cosine_rate}[schedule["name"]]
        given = {key: value for key, value in schedule.items() if key != "name"}
        rates = [rate(t, options["lr"], **given) / options["lr"] for t in range(12)]
        yield mixed(f"{schedule['name']} schedule, {name}: {optimizer}", optimizer, options,
                    701 + 2 * n, missing=HOLES, lr_scale=rates, extra={"schedule": schedule})
    yield mixed("the rates of all schedules: sgd", "sgd", ball, 741,
                extra={"sequences": sequences()})


BASES = (0.3, 0.07)


def python_schedules(torch):
    """name -> (number of steps, function of an optimizer with two groups that makes a schedule)."""
    lr = torch.optim.lr_scheduler
    swa = torch.optim.swa_utils.SWALR

    def sequential(milestones, *makers):
        return lambda o: lr.SequentialLR(o, [make(o) for make in makers], milestones)

    def chained(*makers):
        return lambda o: lr.ChainedScheduler([make(o) for make in makers])

    def linear(o):
        return lr.LinearLR(o, 0.2, 0.9, 4)

    def constant(o):
        return lr.ConstantLR(o, 0.25, 6)

    def exponential(o):
        return lr.ExponentialLR(o, 0.9)

    def slow(o):
        return lr.ExponentialLR(o, 0.99)

    def cosine(o):
        return lr.CosineAnnealingLR(o, 7, 0.02)

    def restarts(o):
        return lr.CosineAnnealingWarmRestarts(o, 3, 2, 0.01)

    def step(o):
        return lr.StepLR(o, 3, 0.5)

    def inverse(n):
        return 1 / (1 + 0.3 * n)

    def wobble(n):
        return 0.9 + 0.05 * (n % 3)

    def one_cycle(**options):
        options = {"max_lr": [0.5, 0.2], "total_steps": 20, **options}
        return lambda o: lr.OneCycleLR(o, **options)

    def cyclic(**options):
        return lambda o: lr.CyclicLR(o, [0.01, 0.002], [0.4, 0.1], step_size_up=4, **options)

    return {
        "step": (20, step),
        "multi-step": (20, lambda o: lr.MultiStepLR(o, [11, 4, 4, 0], 0.7)),
        "constant": (12, constant),
        "linear": (12, linear),
        "linear to zero": (12, lambda o: lr.LinearLR(o, 1.0, 0.0, 6)),
        "exponential": (20, exponential),
        "polynomial": (14, lambda o: lr.PolynomialLR(o, 9, 1.7)),
        "cosine, three waves": (44, cosine),
        "cosine, T_max 1": (8, lambda o: lr.CosineAnnealingLR(o, 1, 0.02)),
        "restarts": (20, lambda o: lr.CosineAnnealingWarmRestarts(o, 4, 1, 0.01)),
        "restarts, twice as long": (50, restarts),
        "restarts, thrice as long": (90, lambda o: lr.CosineAnnealingWarmRestarts(o, 2, 3)),
        "lambda": (15, lambda o: lr.LambdaLR(o, [inverse, wobble])),
        "multiplicative": (15, lambda o: lr.MultiplicativeLR(o, [inverse, wobble])),
        "one cycle": (20, one_cycle()),
        "one cycle, linear": (19, one_cycle(
            pct_start=0.4, anneal_strategy="linear", base_momentum=0.7, max_momentum=0.9,
            div_factor=10.0, final_div_factor=50.0)),
        "one cycle, three phases": (20, one_cycle(
            three_phase=True, base_momentum=[0.8, 0.85], max_momentum=[0.9, 0.97])),
        "one cycle, three linear phases": (19, one_cycle(
            three_phase=True, anneal_strategy="linear", pct_start=0.35)),
        "one cycle, momentum alone": (20, one_cycle(cycle_momentum=False)),
        "one cycle, falls at once": (20, one_cycle(pct_start=0.0)),
        "cyclic": (30, cyclic()),
        "cyclic, halved": (40, cyclic(mode="triangular2", step_size_down=7,
                                      base_momentum=[0.7, 0.6], max_momentum=0.95)),
        "cyclic, shrinking": (40, cyclic(mode="exp_range", gamma=0.97, step_size_down=2)),
        "cyclic, momentum alone": (20, cyclic(cycle_momentum=False)),
        "swa": (20, lambda o: swa(o, [0.05, 0.5], 8)),
        "swa, linear": (20, lambda o: swa(o, 0.05, 6, "linear")),
        "swa at once": (5, lambda o: swa(o, 0.05, 0)),
        "sequential": (30, sequential([4], linear, cosine)),
        "sequential, three": (30, sequential([5, 11], constant, restarts, step)),
        "sequential, a milestone twice": (20, sequential([5, 5], linear, cosine, step)),
        "sequential, a milestone at 0": (12, sequential([0], linear, exponential)),
        "sequential, multiplicative": (
            20, sequential([4], linear, lambda o: lr.MultiplicativeLR(o, wobble))),
        "sequential, swa": (20, sequential([6], exponential, lambda o: swa(o, 0.03, 5))),
        # Python's OneCycleLR gives the schedules before it its own first rate for a base rate: here
        # the two are the same.
        "sequential, one cycle last": (24, sequential([4], linear, one_cycle(
            max_lr=[25 * base for base in BASES]))),
        "chained": (20, chained(constant, exponential)),
        "chained, three": (20, chained(linear, step, lambda o: lr.PolynomialLR(o, 12, 2.0))),
        # With a faster exponential Python's rate falls below 0 past T_max: the cosine, which adds to
        # the rate there, does not know what the others have done to it.
        "chained, cosine": (40, chained(cosine, slow)),
        "chained, cosine after": (
            24, chained(constant, step, lambda o: lr.CosineAnnealingLR(o, 25, 0.001))),
        "chained, multiplicative": (
            15, chained(exponential, lambda o: lr.MultiplicativeLR(o, wobble))),
        "chained, swa": (15, chained(exponential, lambda o: swa(o, 0.03, 5))),
        "chained, lambda first": (15, chained(lambda o: lr.LambdaLR(o, inverse), exponential)),
        "chained, lambda last": (15, chained(exponential, lambda o: lr.LambdaLR(o, inverse))),
        "chained, restarts": (15, chained(restarts, step)),
        "chained, sequential": (20, chained(slow, sequential([5], linear, cosine))),
    }


def momenta(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def by_torch(torch, make, steps, adam_like):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in BASES]
    if adam_like:
        optimizer = torch.optim.AdamW(groups, betas=(0.6, 0.99))
    else:
        optimizer = torch.optim.SGD(groups, momentum=0.6)
    scheduler = make(optimizer)
    rows = []
    for n in range(steps + 1):
        rows.append([(float(group["lr"]), float(momenta(group)))
                     for group in optimizer.param_groups])
        if n < steps:
            optimizer.step()
            scheduler.step()
    columns = list(zip(*rows))
    moved = any(momentum != 0.6 for column in columns for _, momentum in column)
    return ([[rate for rate, _ in column] for column in columns],
            [[momentum for _, momentum in column] for column in columns] if moved else None)


def wsd_scale(n, W, S, D, low, warm, decay):
    """transformers.optimization._get_wsd_scheduler_lambda."""
    if n < W:
        p = n / W
        f = {"linear": p, "cosine": 0.5 * (1 - math.cos(math.pi * p)),
             "1-sqrt": 1 - math.sqrt(1 - p)}[warm]
    elif n < W + S:
        return 1.0
    elif n < W + S + D:
        p = (n - W - S) / D
        f = {"linear": 1 - p, "cosine": 0.5 * (1 + math.cos(math.pi * p)),
             "1-sqrt": 1 - math.sqrt(p)}[decay]
    else:
        return low
    return f * (1 - low) + low


def inverse_sqrt_scale(n, W, s):
    """transformers.optimization._get_inverse_sqrt_schedule_lr_lambda."""
    if n < W:
        return n / max(1, W)
    return 1.0 / math.sqrt((n + (s - W)) / s)


def warm(n, W, first, inner):
    return (first + (1 - first) * n / W) * inner(0) if n < W else inner(n - W)


# name -> (number of steps, rate at n for a base rate)
OWN = {
    "time-based": (25, lambda n, L: L / math.prod(1 + 0.03 * j for j in range(n))),
    "time-based, hyperbolic": (25, lambda n, L: L / (1 + 0.03 * n)),
    "step-based": (20, lambda n, L: L * 0.6 ** ((1 + n) // 4)),
    "exponential, e": (20, lambda n, L: L * math.e ** (-0.15 * n)),
    "cosine, held": (14, lambda n, L: cosine_rate(n, L, 7, 0.02, True)),
    "polynomial to an end rate": (14, lambda n, L: 0.02 + (L - 0.02) * (1 - min(n, 9) / 9) ** 1.7),
    "wsd": (24, lambda n, L: L * wsd_scale(n, 5, 6, 8, 0.1, "linear", "cosine")),
    "wsd, cosine and linear": (24, lambda n, L: L * wsd_scale(n, 5, 6, 8, 0.0, "cosine", "linear")),
    "wsd, roots": (24, lambda n, L: L * wsd_scale(n, 5, 6, 8, 0.05, "1-sqrt", "1-sqrt")),
    "inverse root": (24, lambda n, L: L * inverse_sqrt_scale(n, 6, 6)),
    "inverse root, own scale": (24, lambda n, L: L * inverse_sqrt_scale(n, 4, 20)),
    "warm-up": (24, lambda n, L: warm(n, 5, 0.1, lambda k: cosine_rate(k, L, 7, 0.02))),
    "warm-up of a constant": (14, lambda n, L: warm(n, 3, 0.0,
                                                     lambda k: L * (0.25 if k < 6 else 1.0))),
    "chained warm-up": (20, lambda n, L: L * 0.9 ** n * warm(n, 4, 0.0, lambda k: 0.5 ** (k // 3))),
    "chained roots": (20, lambda n, L: L * 0.9 ** n * inverse_sqrt_scale(n, 6, 6)),
}


def plateau_metrics():
    return [round(2 * math.exp(-0.08 * n) + 0.3 * math.sin(2.1 * n), 3) for n in range(60)]


PLATEAUS = {
    "plateau": {"factor": 0.5, "patience": 2, "cooldown": 3, "min_lr": [0.001, 0.02]},
    "plateau, abs": {"factor": 0.5, "patience": 0, "threshold": 0.05, "threshold_mode": "abs"},
    "plateau, max": {"mode": "max", "factor": 0.3, "patience": 4, "threshold": 0.01},
    "plateau, max, abs": {"mode": "max", "factor": 0.9, "patience": 1, "threshold": 0.1,
                          "threshold_mode": "abs", "eps": 0.01},
}


def sequences():
    listed = []
    for name, (steps, rate) in OWN.items():
        listed.append({"name": name, "optimizer": "sgd", "base": list(BASES),
                       "lr": [[rate(n, base) for n in range(steps + 1)] for base in BASES]})
    try:
        import torch
    except ImportError:
        path = pathlib.Path(__file__).resolve().parent.parent / FILE
        known = json.loads(path.read_text(encoding="ascii"))["cases"][-1]["sequences"]
        return listed + known[len(listed):]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (steps, make) in python_schedules(torch).items():
            for optimizer in ("sgd", "adamw"):
                rates, moved = by_torch(torch, make, steps, optimizer == "adamw")
                if optimizer == "adamw" and moved is None:
                    continue
                row = {"name": name, "optimizer": optimizer, "base": list(BASES), "lr": rates}
                listed.append(row if moved is None else {**row, "momentum": moved})
    for name, options in PLATEAUS.items():
        groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": base} for base in BASES]
        optimizer = torch.optim.SGD(groups)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        rows = [[group["lr"] for group in optimizer.param_groups]]
        for metric in plateau_metrics():
            scheduler.step(metric)
            rows.append([group["lr"] for group in optimizer.param_groups])
        listed.append({"name": name, "optimizer": "sgd", "base": list(BASES),
                       "lr": [list(column) for column in zip(*rows)],
                       "metric": plateau_metrics()})
    return listed


def torch_rates(torch, schedule, base, count):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    if schedule["name"] == "step":
        scheduler = torch.optim.lr_scheduler.StepLR(
            optimizer, schedule["step_size"], schedule["gamma"])
    else:
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, schedule["T_max"], schedule.get("eta_min", 0.0))
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def verify(histories, near):
    try:
        import torch
    except ImportError:
        return
    for case in cases():
        if "schedule" not in case.extra:
            continue
        schedule, base = case.extra["schedule"], case.groups[0][0]["lr"]
        count = schedule["T_max"] + 1 if schedule.get("clamp") else case.steps
        ours = [scale * base for scale in case.lr_scale[:count]]
        near(f"{case.name}: rates of torch", ours, torch_rates(torch, schedule, base, count),
             1e-10)
