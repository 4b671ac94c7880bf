"""Runs an update rule in float64 NumPy and turns the run into a case of the replay format.

A rule is a function step(groups): it reads the options, values, gradients and state of the
parameters and moves the values in place. Nothing here or in rules/ shares a line with the C++
library: what the two have in common is the specification.
"""

import dataclasses
import math

import numpy as np

PARITY_SHAPES = ((4, 3), (4,), (3, 5), (2, 3, 2))
PARITY_STEPS = (1, 10, 60)


@dataclasses.dataclass
class Parameter:
    value: np.ndarray
    grad: np.ndarray | None = None
    state: dict = dataclasses.field(default_factory=dict)
    t: int = 0


@dataclasses.dataclass
class Group:
    options: dict
    parameters: list


@dataclasses.dataclass
class Case:
    """One trajectory.

    groups     list of (options, list of start values); only the options that differ from defaults
    gradients  "parity", or one row per step with an array or None for each parameter
    golden     C at steps 1, 10 and 60 as printed in the specification
    write_all  write every option into the file, not only those that were given
    extra      keys added to the case as they are
    """

    name: str
    optimizer: str
    groups: list
    gradients: object
    steps: int
    record: tuple
    tolerance: float = 1e-11
    lr_scale: list | None = None
    golden: tuple | None = None
    dtype: str = "float64"
    write_all: bool = False
    extra: dict = dataclasses.field(default_factory=dict)


def parity_values(shapes=PARITY_SHAPES):
    """theta_0[i] = cos(0.9 i + 0.3), i counting over all parameters."""
    values, first = [], 0
    for shape in shapes:
        count = math.prod(shape)
        i = np.arange(first, first + count)
        values.append(np.cos(0.9 * i + 0.3).reshape(shape))
        first += count
    return values


def parity_gradients(values, t):
    """grad_t[i] = a[i] theta[i] + 0.3 sin(2 theta[i]) + 0.2 sin(1.3 t + 0.7 i)."""
    rows, first = [], 0
    for value in values:
        i = np.arange(first, first + value.size).reshape(value.shape)
        a = 0.5 + ((7 * i) % 11) / 5
        rows.append(a * value + 0.3 * np.sin(2 * value) + 0.2 * np.sin(1.3 * t + 0.7 * i))
        first += value.size
    return rows


def parity_loss(values, t):
    """f_t = sum_i a[i] theta[i]^2/2 - 0.15 cos(2 theta[i]) + 0.2 sin(1.3 t + 0.7 i) theta[i]."""
    loss, first = 0.0, 0
    for value in values:
        i = np.arange(first, first + value.size).reshape(value.shape)
        a = 0.5 + ((7 * i) % 11) / 5
        loss += float(np.sum(a * value**2 / 2 - 0.15 * np.cos(2 * value)
                             + 0.2 * np.sin(1.3 * t + 0.7 * i) * value))
        first += value.size
    return loss


def checksum(values):
    """C = sum_i theta[i] cos(0.37 i + 0.1)."""
    flat = np.concatenate([value.reshape(-1) for value in values])
    return float(flat @ np.cos(0.37 * np.arange(flat.size) + 0.1))


def drawn(seed, shapes):
    """Start values in [-1.5, 1.5] with four digits, so that the file stays legible."""
    stream = np.random.RandomState(seed)
    return [np.round(stream.uniform(-1.5, 1.5, shape), 4).reshape(shape) for shape in shapes]


def drawn_rows(seed, shapes, steps, missing=(), zero=()):
    """Gradients of unit variance; (step, parameter) pairs name those missing or all zero."""
    stream = np.random.RandomState(seed)
    rows = []
    for t in range(1, steps + 1):
        row = [np.round(stream.standard_normal(shape), 4).reshape(shape) for shape in shapes]
        for p, shape in enumerate(shapes):
            if (t, p) in zero:
                row[p] = np.zeros(shape)
            if (t, p) in missing:
                row[p] = None
        rows.append(row)
    return rows


# The base options of decay, which no rule lists among its own.
DECAY = {"cautious_decay": False, "decay_scale": "lr", "max_lr": "none"}


def decay_ratio(options):
    """L/lr, L being what theta <- theta - L wd theta decays by."""
    scale = options.get("decay_scale", "lr")
    if scale == "stable":
        return options["stable_ratio"]  # that the rule has found out
    if scale == "lr":
        return 1.0
    return (options["lr"] if scale == "corrected" else 1.0) / options["max_lr"]


def agreed(options, u, value):
    """K theta: what decays in a step along u."""
    return np.where(u * value >= 0, value, 0.0) if options.get("cautious_decay", False) else value


def advance(group, rests=None):
    """Yields (parameter, gradient) in the common order of a step: parameters without gradient are
    skipped, maximize turns the sign, the count goes up, then weight decay by decay_mode. Decoupled
    decay leaves out the parameters for which rests(parameter) holds; where it is cautious it comes
    after the rule's step, whose direction it asks for."""
    options = group.options
    decay = options["weight_decay"] if "decay_mode" in options else 0.0
    for p in group.parameters:
        if p.grad is None:
            continue
        g = -p.grad if options.get("maximize", False) else p.grad.copy()
        p.t += 1
        if decay != 0.0 and options["decay_mode"] == "coupled":
            g = g + decay * p.value
        elif decay != 0.0 and not (rests and rests(p)):
            rate = options["lr"] * decay_ratio(options)
            if options.get("cautious_decay", False):
                start = p.value
                yield p, g
                p.value = p.value - rate * decay * agreed(options, start - p.value, start)
                continue
            p.value = p.value * (1 - rate * decay)
        yield p, g


def norm(x):
    return math.sqrt(float(np.sum(x * x)))


def full_options(rule, given):
    unknown = set(given) - set(rule.defaults) - set(DECAY)
    if unknown:
        raise ValueError(f"{rule.name} has no option {sorted(unknown)}")
    return {**rule.defaults, **given}


def run(case, rule, step=None):
    """Values of all parameters after every step, index 0 being the start. A rule that is evaluated
    elsewhere than it trains leaves the last values of an evaluation in case.extra."""
    groups = [
        Group(full_options(rule, given), [Parameter(value.copy()) for value in values])
        for given, values in case.groups
    ]
    rates = [group.options["lr"] for group in groups]
    for group, rate in zip(groups, rates):
        if group.options.get("max_lr", "none") == "none":
            group.options["max_lr"] = rate
    parameters = [p for group in groups for p in group.parameters]
    step = step or rule.step
    history = [[p.value.copy() for p in parameters]]
    for t in range(1, case.steps + 1):
        for group, rate in zip(groups, rates):
            group.options["lr"] = rate * (case.lr_scale[t - 1] if case.lr_scale else 1.0)
        if case.gradients == "parity":
            row = parity_gradients([rule.asks_at(group, p) if rule.asks_at else p.value
                                    for group in groups for p in group.parameters], t)
        else:
            row = case.gradients[t - 1]
        for p, grad in zip(parameters, row, strict=True):
            p.grad = grad
        # Of recorded gradients nobody knows the loss.
        parity = case.gradients == "parity"
        groups[0].loss = parity_loss([p.value for p in parameters], t) if parity else 0.0
        step(groups)
        if rule.refresh and t % case.extra["hessian_every"] == 0:
            rule.refresh(groups)
        history.append([p.value.copy() for p in parameters])
    if rule.evaluated and case.tolerance > 0:  # an average is rounded, whatever moves
        case.extra["evaluated"] = [
            [float(x) for x in np.asarray(rule.evaluated(group, p)).reshape(-1)]
            for group in groups for p in group.parameters]
    return history


def golden(name, optimizer, options, numbers, lr_scale=None, extra=None, tolerance=1e-11,
           shapes=PARITY_SHAPES):
    """A row of the specification's table: the parity problem, every option written out."""
    return Case(
        name=name,
        optimizer=optimizer,
        groups=[(options, parity_values(shapes))],
        gradients="parity",
        steps=PARITY_STEPS[-1],
        record=PARITY_STEPS,
        tolerance=tolerance,
        lr_scale=lr_scale,
        golden=numbers,
        write_all=True,
        extra=extra or {},
    )


MIXED_SHAPES = ((3, 2), (5,), (), (0,), (2, 1, 3))


def mixed(name, optimizer, options, seed, steps=12, second=None, missing=(), zero=(),
          shapes=MIXED_SHAPES, **more):
    """Explicit gradients over a matrix, a vector, a scalar, an empty tensor and a 3-D tensor. With
    `second`, the parameters from the fourth on form a group of their own with those options."""
    values = drawn(seed, shapes)
    groups = [(options, values)]
    if second is not None:
        groups = [(options, values[:3]), (second, values[3:])]
    rows = drawn_rows(seed + 1, shapes, steps, missing, zero)
    record = more.pop("record", (1, 2, steps // 2, steps))
    return Case(name, optimizer, groups, rows, steps, record, **more)


# The first step, one in the middle and the last are missing for some parameter; the fourth
# parameter of MIXED_SHAPES has no element and the third never gets a gradient.
HOLES = frozenset([(1, 0), (2, 1), (5, 1), (6, 1), (7, 4), (12, 0)]
                  + [(t, 2) for t in range(1, 61)])


# A rate for each of twelve steps, one of them zero.
RATES = [1, 0.5, 2, 0, 1.5, 1, 1, 0.1, 0.2, 3, 1, 0.7]


def narrow(optimizer, options, seed, tolerances=(2e-6, 5e-2, 5e-3), **more):
    """The same options at every type narrower than float64."""
    for dtype, tolerance in zip(("float32", "bfloat16", "float16"), tolerances, strict=True):
        yield mixed(f"{optimizer}: {dtype}", optimizer, options, seed, missing=HOLES, dtype=dtype,
                    tolerance=tolerance, **more)


def common(optimizer, at, second, seed, tolerances=(2e-6, 5e-2, 5e-3)):
    """What every rule is recorded on, with options `at` and, in a second group, `second`: missing
    gradients, rates that change and are zero, gradients of zero, the other sign, narrow types."""
    yield mixed(f"{optimizer}: defaults, missing gradients", optimizer, {}, seed, missing=HOLES)
    yield mixed(f"{optimizer}: two groups", optimizer, at, seed + 2, missing=HOLES, second=second)
    yield mixed(f"{optimizer}: rate changes", optimizer, at, seed + 4, missing=HOLES,
                lr_scale=RATES)
    yield mixed(f"{optimizer}: maximize, rate changes", optimizer, {**second, "maximize": True},
                seed + 6, missing=HOLES, lr_scale=RATES)
    yield mixed(f"{optimizer}: zero gradients before the first and between others", optimizer, at,
                seed + 8, zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})
    yield mixed(f"{optimizer}: rate zero moves nothing", optimizer, {**at, "lr": 0.0}, seed + 10,
                tolerance=0.0)
    yield from narrow(optimizer, at, seed + 12, tolerances)


def decays(optimizer, at, seed):
    """The base options of decay, for a rule that takes them; `at` must decay."""
    yield mixed(f"{optimizer}: cautious decay, missing gradients", optimizer,
                {**at, "cautious_decay": True}, seed, missing=HOLES, lr_scale=RATES)
    yield mixed(f"{optimizer}: decay in proportion to the rate's square, beside a group without",
                optimizer, {**at, "decay_scale": "corrected", "max_lr": 0.07}, seed + 2,
                missing=HOLES, lr_scale=RATES, second=at)
    yield mixed(f"{optimizer}: cautious decay apart from the rate, which is the first one",
                optimizer, {**at, "decay_scale": "independent", "cautious_decay": True,
                            "weight_decay": at["weight_decay"] / 20}, seed + 4, lr_scale=RATES,
                zero={(t, p) for t in (1, 2, 5, 6) for p in range(5)})


def keras_single_step(rule, options):
    """v - step on [1 2 3 4] with gradient [1 6 7 2] at lr 0.5, as in the tests of Keras."""
    start, grad = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 6.0, 7.0, 2.0])
    case = Case("", rule.name, [({"lr": 0.5, **options}, [start])], [[grad]], 1, ())
    return run(case, rule)[1][0]


def keras_five_steps(rule, options):
    """Ten ones; gradients all 0.01 once, then 0.1 .. 1.0 four times, as in the tests of Keras."""
    rows = [[np.full(10, 0.01)]] + [[np.arange(1, 11) / 10]] * 4
    case = Case("", rule.name, [(options, [np.ones(10)])], rows, 5, ())
    return np.stack([values[0] for values in run(case, rule)[1:]])
