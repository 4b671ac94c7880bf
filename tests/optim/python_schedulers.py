"""Real torch.optim.lr_scheduler on one side of tests/optim/python_schedulers_test.cpp.

  python_schedulers.py make FOLDER    for each schedule: FOLDER/NAME.rates.pt with rate and momentum
      of both groups before each step, and NAME.middle.pt with the state_dicts of optimizer and
      scheduler after 5 steps
  python_schedulers.py check FOLDER   continues from FOLDER/NAME.optimizer.pt and NAME.scheduler.pt,
      which the C++ side wrote after 5 steps of its own
"""

import os
import sys
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step()`")
import torch  # noqa: E402
from torch.optim import lr_scheduler as of  # noqa: E402
from torch.optim.swa_utils import SWALR  # noqa: E402

STEPS, MIDDLE = 12, 5
SCHEDULES = {
    "StepLR": lambda o: of.StepLR(o, 2),
    "MultiStepLR": lambda o: of.MultiStepLR(o, [7, 1, 7], gamma=0.5),
    "ConstantLR": lambda o: of.ConstantLR(o, total_iters=8),
    "LinearLR": lambda o: of.LinearLR(o, total_iters=8),
    "ExponentialLR": lambda o: of.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: of.PolynomialLR(o, total_iters=9, power=2),
    "CosineAnnealingLR": lambda o: of.CosineAnnealingLR(o, 9, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda o: of.CosineAnnealingWarmRestarts(o, 2, 2),
    "CosineAnnealingWarmRestarts.same": lambda o: of.CosineAnnealingWarmRestarts(o, 3),
    "LambdaLR": lambda o: of.LambdaLR(o, lambda n: 1 / (n + 1)),
    "MultiplicativeLR": lambda o: of.MultiplicativeLR(o, lambda n: 1 / (n + 1)),
    "CyclicLR": lambda o: of.CyclicLR(o, 0.1, 0.2, step_size_up=3),
    "CyclicLR.still": lambda o: of.CyclicLR(
        o, [0.1, 0.05], [0.2, 0.4], step_size_up=3, step_size_down=4, mode="exp_range", gamma=0.9,
        cycle_momentum=False),
    "OneCycleLR": lambda o: of.OneCycleLR(o, [0.5, 0.25], 14),
    "OneCycleLR.three": lambda o: of.OneCycleLR(
        o, 0.5, 14, pct_start=0.4, anneal_strategy="linear", three_phase=True),
    "SWALR": lambda o: SWALR(o, 0.05, anneal_epochs=8),
}
ONLY_READ = {"OneCycleLR", "OneCycleLR.three", "SWALR"}


def optimizer():
    groups = [dict(params=[torch.nn.Parameter(torch.ones(1))], lr=lr) for lr in (0.5, 0.2)]
    return torch.optim.SGD(groups, momentum=0.75)


def numbers(opt):
    return [float(group[key]) for group in opt.param_groups for key in ("lr", "momentum")]


def same(found, right):
    if isinstance(right, float):
        return abs(found - right) <= 1e-12
    if isinstance(right, list):
        return len(found) == len(right) and all(map(same, found, right))
    return found == right


def make(folder, name):
    opt = optimizer()
    scheduler = SCHEDULES[name](opt)
    found = [numbers(opt)]
    for n in range(1, STEPS + 1):
        opt.step()
        scheduler.step()
        found.append(numbers(opt))
        if n == MIDDLE:
            middle = {"optimizer": opt.state_dict(), "scheduler": scheduler.state_dict()}
            torch.save(middle, os.path.join(folder, name + ".middle.pt"))
    torch.save(torch.tensor(found, dtype=torch.float64), os.path.join(folder, name + ".rates.pt"))
    return True


def check(folder, name):
    if name in ONLY_READ:
        return True

    def load(what):
        return torch.load(os.path.join(folder, f"{name}.{what}.pt"), weights_only=True)

    opt = optimizer()
    scheduler = SCHEDULES[name](opt)
    opt.load_state_dict(load("optimizer"))
    scheduler.load_state_dict(load("scheduler"))
    wanted, written, ok = load("rates").tolist(), load("middle")["scheduler"], True
    for key, found in load("scheduler").items():
        if key != "_step_count" and not same(found, written[key]):  # which restarts do not count
            print(f"{name}: {key} is {found}, not {written[key]}")
            ok = False
    for n in range(MIDDLE, STEPS + 1):
        if not same(numbers(opt), wanted[n]):
            print(f"{name}: {numbers(opt)} after {n} steps, not {wanted[n]}")
            ok = False
        opt.step()
        scheduler.step()
    return ok


if __name__ == "__main__":
    work, target = sys.argv[1:]
    results = [{"make": make, "check": check}[work](target, name) for name in SCHEDULES]
    sys.exit(not all(results))
