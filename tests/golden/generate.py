#!/usr/bin/env python3
"""Writes the golden trajectories beside this script: one JSON file per rule.

    python3 generate.py            rewrites all files
    python3 generate.py --check    compares them with what lies on disk

Every run first proves the evaluation itself: the checksums printed in the specification, the
published numbers that the modules of rules/ quote, and torch.optim, where Python has it.
Numbers are written with the fewest digits that read back as the same double. --check allows
1e-12 between numbers, since sine, cosine and LAPACK round differently from machine to machine,
and between the expected numbers of a case in float64 what the case allows (GOLDEN_TOLERANCE in
the other types, whose tolerance is for computations in those types).
"""

import argparse
import importlib
import json
import math
import pathlib
import pkgutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
FORMAT = "descent-replay-1"
GOLDEN_TOLERANCE = 1e-11
TORCH_TOLERANCE = 2e-13
ROUNDING = 1e-12
NO_NUMPY = 77  # the exit status by which test runners know a skipped test

# The rows of the specification's table of golden values. A row is proven when a case of its name
# carries its numbers; the rows of REQUIRED must be, those of LATER may be, and there are no others.
REQUIRED = set("""
    sgd sgd_wd sgd_mom sgd_damp sgd_nag sgd_max sgdw sgd_mom_sched sgd_vel_sched sgd_ema
    sgd_damp_zero k_sgd_nag nag_lookahead nag_la_ema adagrad adagrad_x adagrad_in k_adagrad
    adagrad_full adagrad_full_in adadelta adadelta_wd k_adadelta rmsprop rmsprop_x rmsprop_in
    rmsprop_sigma0 rmsprop_gain k_rmsprop k_rmsprop_x rprop adam adam_ams adamw adam_in
    adam_nodebias amsgrad_nodebias k_adam k_adam_ams k_adamw adamw_caut adamax k_adamax nadam
    nadam_w k_nadam radam radamw radam_official lion lion_caut c_lion lars_plain lars_mom
    lars_clip lars_ema lamb lamb_clip lamb_v3 lamb_phi lamb_separate k_lamb k_ftrl k_ftrl_x asgd
    la_lazy la_paper ranger ranger_nogc ralamb rangerlars rangerlars_step paratrooper adabelief
    adabelief_nr adabelief_ams yogi yogi_x signum sign_sgd grams laprop laprop_sched laprop_cen
    laprop_out ademamix ademamix_w simplified_ademamix simplified_ademamix_x adopt adopt_w
    madgrad madgrad_x madgrad_dec madgrad_mu0 nadamw nadamw_caut nadamw_ahead mars mars_1d
    mars_lion stable_adamw stable_adamw_ind adam_mini adam_mini_heads novograd novograd_x
    novograd_o came came_x adafactor adafactor_wd muon_bf16 muon_f64 muon_rms_f64 muon_dion
    normuon normuon_polar normuon_caut muon_hyper muon_split muon_conv muon_aux shampoo soap
    soap_norm sf_adamw sf_sgd sf_radam sf_radam_x sophia prodigy prodigy_bc dadapt dadapt_bc
    dadapt_x dadapt_l2 dog dog_x dowg dowg_x polyak polyak_x sf_rmsprop sf_sgd_r sf_warm sf_y
    mechanic_sgd mechanic_adam mechanic_x scion scion_unc scion_sign scion_col scion_max
    scion_conv splus kron kron_x kron_one_diag adamw_cautdecay lion_cautdecay sgd_cautdecay
    adamw_corrected adamw_independent adamw_stable sparse_adam sparse_adagrad sparse_sgd
""".split())
LATER = set("""
    adan adan_np bf16_state32 bf16_master
    bf16_stochastic bf16_kahan bf16_kahan_sgd state8
""".split())
# tests/optim: the gradients of SAM's steps come from two closures, and JSON has no complex numbers.
ELSEWHERE = {"sam", "asam", "complex_adamw"}

sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
try:
    import numpy as np
except ImportError:
    print("generate.py needs NumPy: python3 -m pip install numpy", file=sys.stderr)
    sys.exit(NO_NUMPY)

import rules
import trajectory


class Report:
    def __init__(self):
        self.checks = 0
        self.failures = []
        self.torch_cases = 0
        self.torch_worst = 0.0
        self.rows = set()

    def near(self, what, found, wanted, tolerance):
        """found and wanted agree in every element; wanted may be spread over found."""
        self.checks += 1
        found, wanted = np.broadcast_arrays(np.asarray(found, float), np.asarray(wanted, float))
        if found.size == 0:
            return 0.0
        error = float(np.max(np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))))
        if not error <= tolerance:
            self.failures.append(f"{what}: off by {error:.3g}, allowed {tolerance:.3g}")
        return error


def torch_module():
    try:
        import torch
    except ImportError:
        return None
    # Python keeps some scalars of optimizer state in the default dtype.
    torch.set_default_dtype(torch.float64)
    return torch


def run_torch(torch, case, rule):
    groups = []
    for given, values in case.groups:
        if set(given) & set(trajectory.DECAY):
            return None  # which torch.optim has not, and where a rule has them it is not torch's
        options = trajectory.full_options(rule, given)
        tensors = [torch.tensor(value).requires_grad_() for value in values]
        groups.append((options, tensors))
    optimizer = rule.torch_form(torch, groups)
    if optimizer is None:
        return None
    parameters = [p for _, tensors in groups for p in tensors]
    for t in range(1, case.steps + 1):
        if case.gradients == "parity":
            row = trajectory.parity_gradients([p.detach().numpy() for p in parameters], t)
        else:
            row = case.gradients[t - 1]
        for p, grad in zip(parameters, row):
            p.grad = None if grad is None else torch.tensor(grad)
        for group, (options, _) in zip(optimizer.param_groups, groups):
            group["lr"] = options["lr"] * (case.lr_scale[t - 1] if case.lr_scale else 1.0)
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


def prove(case, rule, history, report, torch):
    if case.golden is not None:
        report.rows.add(case.name)
        for t, wanted in zip(trajectory.PARITY_STEPS, case.golden, strict=True):
            found = trajectory.checksum(history[t])
            report.checks += 1
            if not abs(found - wanted) <= max(GOLDEN_TOLERANCE, case.tolerance):
                report.failures.append(
                    f"{case.name}: C_{t} is {found:.13g}, the specification prints {wanted:.13g}")
    if not all(np.isfinite(value).all() for values in history for value in values):
        report.failures.append(f"{case.name}: not finite")
    if torch is not None and rule.torch_form is not None:
        by_torch = run_torch(torch, case, rule)
        if by_torch is not None:
            report.torch_cases += 1
            for a, b in zip(history[-1], by_torch, strict=True):
                error = report.near(f"{case.name}: torch.optim", a, b, TORCH_TOLERANCE)
                report.torch_worst = max(report.torch_worst, error)


def numbers(value):
    return [float(x) for x in np.asarray(value).reshape(-1)]


def gradient(grad):
    """None, all numbers, or a pair of rows and their values."""
    if isinstance(grad, tuple):
        return {"rows": grad[0], "values": numbers(grad[1])}
    return None if grad is None else numbers(grad)


def finite(options):
    """JSON has no infinity: an infinite option is a default and is left out."""
    return {name: value for name, value in options.items()
            if not (isinstance(value, float) and math.isinf(value))}


def as_json(case, rule, history):
    groups = []
    for given, values in case.groups:
        options = trajectory.full_options(rule, given) if case.write_all else given
        groups.append({
            "options": finite(options),
            "params": [{"shape": list(value.shape), "values": numbers(value)} for value in values],
        })
    written = {"name": case.name, "optimizer": case.optimizer, "dtype": case.dtype, **case.extra,
               "groups": groups}
    if case.lr_scale is not None:
        written["lr_scale"] = [float(scale) for scale in case.lr_scale]
    if case.gradients == "parity":
        written["gradients"] = "parity"
    else:
        written["gradients"] = [[gradient(grad) for grad in row] for row in case.gradients]
    written["steps"] = case.steps
    written["expected"] = {str(t): [numbers(value) for value in history[t]]
                           for t in sorted(set(case.record))}
    if case.golden is not None and case.tolerance <= GOLDEN_TOLERANCE:
        written["checksum"] = dict(zip(map(str, trajectory.PARITY_STEPS), case.golden))
    written["tolerance"] = case.tolerance
    return written


def layout(value, depth=0):
    """JSON with one line for every list or object that holds only scalars."""
    nested = isinstance(value, (list, dict)) and any(
        isinstance(x, (list, dict)) for x in (value.values() if isinstance(value, dict) else value))
    if not nested:
        return json.dumps(value, allow_nan=False)
    inner, outer = " " * (depth + 1), " " * depth
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {layout(x, depth + 1)}" for k, x in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + outer + "}"
    return "[\n" + ",\n".join(inner + layout(x, depth + 1) for x in value) + "\n" + outer + "]"


def of_expected(case):
    """How far two machines' evaluations of a case may differ."""
    allowed = case["tolerance"] if case["dtype"] == "float64" else GOLDEN_TOLERANCE
    return max(ROUNDING, allowed)


def first_difference(found, wanted, path, tolerance=ROUNDING):
    """None when equal up to the tolerance, else where and how they differ."""
    real = (int, float)
    if isinstance(found, real) and isinstance(wanted, real) and bool not in (type(found),
                                                                            type(wanted)):
        if abs(found - wanted) <= tolerance * max(1.0, abs(wanted)):
            return None
        return f"{path}: {found!r} on disk, {wanted!r} computed"
    if type(found) is not type(wanted):
        return f"{path}: {found!r:.40} on disk, {wanted!r:.40} computed"
    if isinstance(wanted, dict):
        if list(found) != list(wanted):
            return f"{path}: keys {list(found)} on disk, {list(wanted)} computed"
        pairs = [(found[k], wanted[k], f"{path}.{k}",
                  of_expected(wanted) if k == "expected" else tolerance) for k in wanted]
    elif isinstance(wanted, list):
        if len(found) != len(wanted):
            return f"{path}: {len(found)} entries on disk, {len(wanted)} computed"
        pairs = [(a, b, f"{path}[{n}]", tolerance)
                 for n, (a, b) in enumerate(zip(found, wanted))]
    else:
        return None if found == wanted else f"{path}: {found!r} on disk, {wanted!r} computed"
    for pair in pairs:
        difference = first_difference(*pair)
        if difference is not None:
            return difference
    return None


def compare(target, document):
    """Describes how the file differs from what was computed; None when it does not."""
    if not target.exists():
        return f"{target.name}: missing"
    try:
        found = json.loads(target.read_text(encoding="ascii"))
    except ValueError as error:
        return f"{target.name}: {error}"
    return first_difference(found, document, target.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true",
                        help="write nothing; exit with status 1 when a file differs")
    arguments = parser.parse_args()

    report, torch, documents = Report(), torch_module(), {}
    for found in sorted(pkgutil.iter_modules(rules.__path__), key=lambda entry: entry.name):
        module = importlib.import_module(f"rules.{found.name}")
        histories, written = {}, []
        for case in module.cases():
            if case.name in histories:
                raise ValueError(f"two cases are named {case.name!r}")
            rule = module.RULES[case.optimizer]
            if hasattr(module, "run_case"):
                history = module.run_case(case)
            else:
                history = trajectory.run(case, rule)
            prove(case, rule, history, report, torch)
            histories[case.name] = history
            written.append(as_json(case, rule, history))
        module.verify(histories, report.near)
        documents[module.FILE] = {"format": FORMAT, "cases": written}

    for row in sorted(REQUIRED - report.rows):
        report.failures.append(f"{row}: no case proves this row of the specification")
    for row in sorted(report.rows - REQUIRED - LATER):
        report.failures.append(f"{row}: the specification has no such row")
    for failure in report.failures:
        print(f"generate.py: {failure}", file=sys.stderr)
    if report.failures:
        return 1
    print(f"{report.checks} checks hold; {len(report.rows)} rows of the specification are proven, "
          f"{len(LATER - report.rows)} belong to rules to come, {len(ELSEWHERE)} are tested "
          "elsewhere; " + (
        f"{report.torch_cases} trajectories equal torch.optim within {report.torch_worst:.2g}"
        if torch is not None else "torch is not installed and was not compared"))

    differing = 0
    for name, document in sorted(documents.items()):
        target = HERE / name
        if arguments.check:
            difference = compare(target, document)
            if difference is not None:
                print(f"generate.py: {difference}", file=sys.stderr)
                differing += 1
        else:
            target.write_text(layout(document) + "\n", encoding="ascii")
            print(f"{name}: {len(document['cases'])} cases")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
