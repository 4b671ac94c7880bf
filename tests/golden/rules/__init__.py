"""One module per rule.

Each has FILE, the name of its JSON file; RULES, a Rule for every optimizer name in it; cases(),
the trajectories; and verify(histories), checks of its own beyond the table of the specification.
"""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass
class Rule:
    name: str
    defaults: dict
    step: Callable
    # Builds the same optimizer of Python's torch.optim over the groups of a case, or returns None
    # where torch.optim has no such form.
    torch_form: Callable | None = None
    # asks_at(group, parameter): the point at which the optimizer asks for the gradient, where that
    # is not the parameter's own value.
    asks_at: Callable | None = None
    # evaluated(group, parameter): the values of an evaluation after the last step.
    evaluated: Callable | None = None
    # refresh(groups): update_hessian() with the gradients of the step.
    refresh: Callable | None = None
