"""Real torch.amp.GradScaler on one side of tests/optim/python_scaler_test.cpp.

  python_scaler.py make FOLDER    FOLDER/scales.pt with the scale and the growth tracker after each of
      20 steps of SGD, of which some overflow; middle.pt with the scaler's state_dict after 9 steps,
      beside that of the optimizer; parameters.pt with the parameter after each step; disabled.pt
  python_scaler.py check FOLDER   continues from FOLDER/scaler.pt and FOLDER/optimizer.pt, which the
      C++ side wrote after 9 steps of its own
"""

import os
import sys
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch  # noqa: E402

STEPS, MIDDLE, OVERFLOWS = 20, 9, (2, 7, 8, 15)


def scaler(enabled=True):
    return torch.amp.GradScaler("cpu", init_scale=24.0, growth_factor=3.0, backoff_factor=0.3,
                                growth_interval=3, enabled=enabled)


def optimizer():
    x = torch.linspace(-1, 1, 7, dtype=torch.float64).requires_grad_()
    return x, torch.optim.SGD([x], lr=0.1, momentum=0.9)


def step(t, x, opt, scaling):
    opt.zero_grad()
    loss = (x * x).sum() / 2 + (x + t).sin().sum()
    scaling.scale(loss).backward()
    if t in OVERFLOWS:
        x.grad[t % 7] = float("inf") if t % 2 else float("nan")
    if t % 3 == 1:
        scaling.unscale_(opt)
    scaling.step(opt)
    scaling.update()
    return [scaling.get_scale(), scaling._get_growth_tracker()]


def make(folder):
    def save(what, name):
        torch.save(what, os.path.join(folder, name + ".pt"))

    (x, opt), scaling, scales, parameters = optimizer(), scaler(), [], []
    for t in range(STEPS):
        scales.append(step(t, x, opt, scaling))
        parameters.append(x.detach().clone())
        if t + 1 == MIDDLE:
            save({"optimizer": opt.state_dict(), "scaler": scaling.state_dict(), "x": x.detach()}, "middle")
    save(torch.tensor(scales, dtype=torch.float64), "scales")
    save(torch.stack(parameters), "parameters")
    save({"scaler": scaler(enabled=False).state_dict(), "x": x.detach()}, "disabled")


def check(folder):
    def load(name):
        return torch.load(os.path.join(folder, name + ".pt"), weights_only=True)

    (x, opt), scaling = optimizer(), torch.amp.GradScaler("cpu")
    scaling.load_state_dict(load("scaler"))
    opt.load_state_dict(load("optimizer"))
    with torch.no_grad():
        x.copy_(load("parameters")[MIDDLE - 1])
    assert load("scaler") == load("middle")["scaler"], load("scaler")
    for t in range(MIDDLE, STEPS):
        assert step(t, x, opt, scaling) == load("scales")[t].tolist(), t
        torch.testing.assert_close(x.detach(), load("parameters")[t], rtol=1e-12, atol=1e-12)


if __name__ == "__main__":
    work, target = sys.argv[1:]
    {"make": make, "check": check}[work](target)
