"""Real Python torch on one side of tests/optim/python_both_ways_test.cpp.

  python_both_ways.py make FOLDER RULE...    for each case of each rule: FOLDER/RULE.I.run.pt with the
      parameters after 0, 10 and 20 steps, .start.pt and .middle.pt with the state_dict after 0 and 10
  python_both_ways.py check FOLDER RULE...   continues from FOLDER/RULE.I.back.pt, which the C++ side
      wrote after 10 steps of its own
"""

import os
import sys
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch  # noqa: E402

STEPS = 10
SHAPES = [(4, 3), (4,), (3, 5), (2, 3, 2), ()]
MATRICES = [(4, 3), (4, 1), (3, 5), (2, 6), (1, 1)]
FIRST_GROUP = 3  # parameters; the others are the second group
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 6e-2}


class Case:
    def __init__(self, name, defaults, second, dtype=torch.float64, nested=False):
        self.make = getattr(torch.optim, name)
        self.defaults, self.second, self.dtype, self.nested = defaults, second, dtype, nested
        self.shapes = MATRICES if name in ("Muon", "SparseAdam") else SHAPES
        # Muon computes in bfloat16 whatever the parameter's type.
        self.tolerance = 5e-2 if name == "Muon" else TOLERANCE[dtype]


def of(name, *pairs):
    """Each pair of options once in float64; the first also inside a larger file and in float32."""
    cases = [Case(name, a, b) for a, b in pairs]
    a, b = pairs[0]
    return cases + [Case(name, a, b, nested=True), Case(name, a, b, torch.float32)]


ADAM = [
    (dict(lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1, amsgrad=True),
     dict(lr=0.02, betas=(0.7, 0.9), amsgrad=False)),
    (dict(lr=torch.tensor(0.05, dtype=torch.float64), weight_decay=0.2, maximize=True), dict(lr=0.01, eps=1e-3)),
]
MOMENTS = [
    (dict(lr=0.05, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
     dict(lr=0.02, betas=(0.7, 0.9), weight_decay=0.3)),
    (dict(lr=0.03, maximize=True), dict(weight_decay=0.05)),
]
DECOUPLED = [(dict(a, decoupled_weight_decay=True), b) for a, b in MOMENTS]
BETA2 = [(dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1), dict(betas=(0.9, 0.5)))]
CASES = {
    "sgd": of("SGD",
              (dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.1), dict(lr=0.01)),
              (dict(lr=0.02, momentum=0.8, nesterov=True, weight_decay=0.2),
               dict(maximize=True, momentum=0.5)),
              (dict(lr=0.05, weight_decay=0.1), dict(lr=0.01, momentum=0.9))),
    "adagrad": of("Adagrad",
                  (dict(lr=0.1, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.2,
                        eps=1e-6), dict(lr=0.05, initial_accumulator_value=0.2)),
                  (dict(lr=0.1, maximize=True), dict(eps=1e-3))),
    "adadelta": of("Adadelta",
                   (dict(lr=0.7, rho=0.8, eps=1e-4, weight_decay=0.1), dict(rho=0.95)),
                   (dict(lr=0.5, maximize=True), dict(lr=0.9))),
    "rmsprop": of("RMSprop",
                  (dict(lr=0.02, alpha=0.9, eps=1e-5, momentum=0.8, centered=True,
                        weight_decay=0.1), dict(momentum=0, centered=False)),
                  (dict(lr=0.01, maximize=True), dict(momentum=0.9)),
                  (dict(lr=0.01, centered=True), dict(weight_decay=0.2))),
    "rprop": of("Rprop",
                (dict(lr=0.02, etas=(0.4, 1.3), step_sizes=(1e-4, 0.1)), dict(lr=0.01)),
                (dict(lr=0.01, maximize=True), dict(etas=(0.6, 1.1)))),
    "adam": of("Adam", *ADAM) + [
        Case("Adam", *ADAM[0], dtype=torch.bfloat16),
        Case("Adam", dict(lr=0.03, weight_decay=0.2, decoupled_weight_decay=True), dict(lr=0.1))],
    "adamw": of("AdamW", *ADAM),
    "adamax": of("Adamax", *MOMENTS),
    "nadam": of("NAdam", *DECOUPLED,
                (dict(lr=0.04, momentum_decay=0.01, weight_decay=0.1), dict(momentum_decay=0.1))),
    "radam": of("RAdam", *MOMENTS, *BETA2),
    "radamw": of("RAdam", *DECOUPLED),
    "sparse_adam": of("SparseAdam",
                      (dict(lr=0.05, betas=(0.8, 0.95), eps=1e-4), dict(lr=0.02)),
                      (dict(lr=0.03, maximize=True), dict(betas=(0.5, 0.9)))),
    "asgd": of("ASGD",
               (dict(lr=0.05, lambd=0.01, alpha=0.6, t0=3, weight_decay=0.1), dict(lr=0.02)),
               (dict(lr=0.05, maximize=True), dict(lambd=0.1))),
    "adafactor": of("Adafactor",
                    (dict(lr=0.05, weight_decay=0.1), dict(lr=0.02, d=1.5)),
                    (dict(maximize=True, beta2_decay=-0.5, eps=(None, 1e-2)),
                     dict(eps=(1e-3, 1e-3)))),
    "muon": of("Muon",
               (dict(lr=0.02, weight_decay=0.2, adjust_lr_fn="match_rms_adamw"),
                dict(momentum=0.8, nesterov=False)),
               (dict(lr=0.01, ns_steps=4, ns_coefficients=(2.0, -1.5, 0.5)),
                dict(eps=1e-3))),
}


def start(case):
    params, first = [], 0
    for shape in case.shapes:
        n = torch.Size(shape).numel()
        i = torch.arange(first, first + n, dtype=torch.float64)
        params.append(torch.cos(0.9 * i + 0.3).reshape(shape).to(case.dtype))
        first += n
    return params


def has_gradient(k, t):
    return not (k == 1 and t % 3 == 0 or k == 3 and t < 13 or k == 4 and t > 5)


def with_every_second_row(g, t):
    return (g * ((torch.arange(len(g)) + t) % 2)[:, None]).to_sparse(1)


def step(optimizer, params, t):
    first = 0
    for k, p in enumerate(params):
        i = torch.arange(first, first + p.numel(), dtype=torch.float64).reshape(p.shape)
        a = 0.5 + (7 * i) % 11 / 5
        g = a * p.detach().double() + 0.2 * torch.sin(1.3 * t + 0.7 * i)
        p.grad = g.to(p.dtype) if has_gradient(k, t) else None
        if isinstance(optimizer, torch.optim.SparseAdam) and p.grad is not None:
            p.grad = with_every_second_row(p.grad, t)
        first += p.numel()
    optimizer.step()


def build(case, values, with_options):
    params = [torch.nn.Parameter(v.clone()) for v in values]
    groups = [dict(params=params[:FIRST_GROUP]), dict(params=params[FIRST_GROUP:])]
    if with_options:
        groups[1].update(case.second)
        return params, case.make(groups, **case.defaults)
    return params, case.make(groups)


def values_of(params):
    return [p.detach().clone() for p in params]


def run(case):
    """Parameters and state_dicts after 0, 10 and 20 steps."""
    torch.set_default_dtype(torch.float64 if case.dtype == torch.float64 else torch.float32)
    params, optimizer = build(case, start(case), with_options=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 1.0) if case.nested else None
    values, states = [values_of(params)], [wrap(case, optimizer, scheduler)]
    for t in range(1, 2 * STEPS + 1):
        step(optimizer, params, t)
        if t % STEPS == 0:
            values.append(values_of(params))
            states.append(wrap(case, optimizer, scheduler))
    return values, states


def wrap(case, optimizer, scheduler):
    state = optimizer.state_dict()
    # A copy that later steps do not write into.
    state["state"] = {k: {n: v.clone() if torch.is_tensor(v) else v for n, v in s.items()}
                      for k, s in state["state"].items()}
    if not case.nested:
        return state
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    return {"epoch": 10, "seed": 2**64 - 59, "best": float("inf"), "model": model.state_dict(),
            "weights": list(model.parameters()), "turned": torch.ones(3, 4).t()[1:],
            "device": torch.device("cpu"), "dtype": torch.bfloat16, "size": torch.Size([2, 3]),
            "optimizer": state, "scheduler": scheduler.state_dict(), "notes": ("a", b"b", None)}


def make(folder, name, case):
    values, states = run(case)
    torch.save(dict(zip(("start", "middle", "end"), values), tolerance=case.tolerance),
               os.path.join(folder, name + ".run.pt"))
    torch.save(states[0], os.path.join(folder, name + ".start.pt"))
    torch.save(states[1], os.path.join(folder, name + ".middle.pt"))


def check(folder, name, case):
    values, states = run(case)
    found = torch.load(os.path.join(folder, name + ".back.pt"), weights_only=True)
    wanted = states[1]["optimizer"] if case.nested else states[1]
    tolerance = case.tolerance
    for i, (f, w) in enumerate(zip(found["param_groups"], wanted["param_groups"], strict=True)):
        expect(set(f) == set(w) - {"initial_lr"}, f"group {i} has the keys {list(f)}")
        for key in f:
            same = all(x == y for x, y in zip(listed(f[key]), listed(w[key]), strict=True))
            expect(same, f"group {i} has {key} = {f[key]}, not {w[key]}")
    expect(set(found["state"]) == set(wanted["state"]), f"state of {list(found['state'])}")
    for i, w in wanted["state"].items():
        f = found["state"][i]
        w = {key: value for key, value in w.items() if value is not None}
        expect(set(f) == set(w), f"state of {i} has {list(f)}")
        for key in f:
            if isinstance(w[key], int):
                expect(f[key] == w[key], f"{key} of {i} is {f[key]}")
                continue
            one = key in ("step", "mu_product", "eta", "mu")
            expect(one or f[key].dtype == w[key].dtype, f"{key} of {i} is {f[key].dtype}")
            close(f[key], w[key], tolerance, f"{key} of {i}")

    params, optimizer = build(case, values[1], with_options=False)
    optimizer.load_state_dict(found)
    for t in range(STEPS + 1, 2 * STEPS + 1):
        step(optimizer, params, t)
    for k, (f, w) in enumerate(zip(params, values[2], strict=True)):
        close(f.detach(), w, tolerance, f"parameter {k} after 20 steps")


def listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def close(found, wanted, tolerance, what):
    expect(found.shape == wanted.shape, f"{what} has the shape {found.shape}")
    off = (found.double() - wanted.double()).abs() / wanted.double().abs().clamp(min=1)
    expect(bool((off <= tolerance).all()), f"{what} is off by {off.max().item()}")


class Wrong(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Wrong(message)


def main(work, folder, *rules):
    wrong = 0
    for rule in rules:
        if rule not in CASES:
            print(f"{rule}: has no cases in {os.path.basename(__file__)}")
            wrong += 1
            continue
        for i, case in enumerate(CASES[rule]):
            try:
                {"make": make, "check": check}[work](folder, f"{rule}.{i}", case)
            except Wrong as error:
                print(f"{rule}.{i}: {error}")
                wrong += 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) != 0)
