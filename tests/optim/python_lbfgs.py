"""Real torch.optim.LBFGS on one side of tests/optim/python_lbfgs_test.cpp.

  python_lbfgs.py make FOLDER    for each case FOLDER/NAME.parameters.pt with the parameters, one after
      another, ahead of each of 8 steps and after the last; .counts.pt with func_evals and n_iter after
      each; .middle.pt with the state_dict after 4,
      and .False.pt and .True.pt with the same and a group's maximize
  python_lbfgs.py check FOLDER   continues from FOLDER/NAME.back.pt, which the C++ side wrote after 4
      steps of its own
"""

import os
import sys
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch  # noqa: E402

STEPS, MIDDLE = 8, 4
SHAPES = [(4, 3), (5,), ()]
CASES = {
    "plain": dict(lr=0.4, max_iter=4),
    "wolfe": dict(max_iter=5, line_search_fn="strong_wolfe"),
    "short": dict(lr=0.7, max_iter=3, max_eval=9, history_size=2, tolerance_grad=1e-12, tolerance_change=1e-15,
                  line_search_fn="strong_wolfe"),
}


def parameters():
    count, made = 0, []
    for shape in SHAPES:
        n = torch.Size(shape).numel()
        numbers = torch.arange(count, count + n, dtype=torch.float64)
        made.append((0.3 * numbers).sin().reshape(shape).requires_grad_())
        count += n
    return made


def flat(params):
    return torch.cat([p.detach().reshape(-1) for p in params])


def step(t, params, opt):
    def closure():
        opt.zero_grad()
        x = torch.cat([p.reshape(-1) for p in params])
        i = torch.arange(len(x), dtype=torch.float64)
        loss = ((1 + 0.5 * i) * x * x / 2 - 0.15 * (2 * x).cos() + 0.2 * (1.3 * t + 0.7 * i).sin() * x).sum()
        loss.backward()
        return loss

    opt.step(closure)
    state = opt.state[params[0]]
    return [state["func_evals"], state["n_iter"]]


def make(folder):
    for name, options in CASES.items():
        params = parameters()
        opt, ways, counts = torch.optim.LBFGS(params, **options), [flat(params)], []
        for t in range(1, STEPS + 1):
            counts.append(step(t, params, opt))
            ways.append(flat(params))
            if t == MIDDLE:
                saved = opt.state_dict()
                torch.save({"optimizer": saved}, os.path.join(folder, name + ".middle.pt"))
                for maximize in (False, True):  # as PyTorch 2.14 and later write it
                    saved["param_groups"][0]["maximize"] = maximize
                    torch.save(saved, os.path.join(folder, f"{name}.{maximize}.pt"))
        torch.save(torch.stack(ways), os.path.join(folder, name + ".parameters.pt"))
        torch.save(torch.tensor(counts), os.path.join(folder, name + ".counts.pt"))


def check(folder):
    for name in CASES:
        def load(what):
            return torch.load(os.path.join(folder, f"{name}.{what}.pt"), weights_only=True)

        params, ways, counts = parameters(), load("parameters"), load("counts")
        first = 0
        with torch.no_grad():
            for p in params:
                p.copy_(ways[MIDDLE][first:first + p.numel()].reshape(p.shape))
                first += p.numel()
        opt = torch.optim.LBFGS(params)
        opt.load_state_dict(load("back"))
        written, read = load("False")["param_groups"], opt.state_dict()["param_groups"]
        read[0].setdefault("maximize", False)
        assert written == read, (written, read)
        for t in range(MIDDLE + 1, STEPS + 1):
            assert step(t, params, opt) == counts[t - 1].tolist(), (name, t)
            torch.testing.assert_close(flat(params), ways[t], rtol=1e-11, atol=1e-12)


if __name__ == "__main__":
    work, target = sys.argv[1:]
    {"make": make, "check": check}[work](target)
