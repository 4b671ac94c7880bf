"""Step and cosine schedules: the rates they give, and optimizers run with those rates.

The key "schedule" names the schedule and its parameters; "lr_scale" holds the same rates as
factors, so that the case can also be run by setting the rate before each step.
"""

import math

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
        schedule, base = case.extra["schedule"], case.groups[0][0]["lr"]
        count = schedule["T_max"] + 1 if schedule.get("clamp") else case.steps
        ours = [scale * base for scale in case.lr_scale[:count]]
        near(f"{case.name}: rates of torch", ours, torch_rates(torch, schedule, base, count),
             1e-10)
