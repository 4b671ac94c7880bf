#!/usr/bin/env python3
"""The landscape job in PyTorch: torch.func.vmap in chunks of networks."""
import sys

import landscape_common as common

opts = common.options(__doc__)
common.pin(opts.threads)
try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"landscape_torch: skipped, {missing.name} is missing (pip install torch numpy)")
    sys.exit(0)

torch.set_num_threads(opts.threads)
x, y = map(torch.from_numpy, common.data(np, opts))
center, u, v = ([torch.from_numpy(w) for w in common.weights(np, opts.widths, seed)]
                for seed in range(3))
axis = torch.linspace(-5, 5, opts.points)
alphas, betas = (grid.reshape(-1) for grid in torch.meshgrid(axis, axis, indexing="xy"))


def loss(alpha, beta):
    parameters = [c + alpha * a + beta * b for c, a, b in zip(center, u, v)]
    out = x
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2]):
        out = torch.relu(out @ weight.T + bias)
    out = out @ parameters[-2].T + parameters[-1]
    if opts.widths[-1] == 1:
        return torch.log(torch.mean((out - y) ** 2))
    return torch.log(torch.nn.functional.cross_entropy(out, y))


def in_chunks(size):
    mapped = torch.func.vmap(loss, chunk_size=size)

    def work():
        with torch.no_grad():
            return mapped(alphas, betas)

    return work


common.report({f"torch.func.vmap(chunk_size={size})": in_chunks(size) for size in (50, 100, 400)},
              opts)
