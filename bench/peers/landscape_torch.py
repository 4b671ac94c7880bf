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
x = torch.linspace(-torch.pi, torch.pi, opts.samples)[:, None]
y = torch.sin(x)
center, u, v = ([torch.from_numpy(w) for w in common.weights(np, opts.hidden, seed)]
                for seed in range(3))
axis = torch.linspace(-5, 5, 100)
alphas, betas = (grid.reshape(-1) for grid in torch.meshgrid(axis, axis, indexing="xy"))


def loss(alpha, beta):
    w1, b1, w2, b2, w3, b3 = (c + alpha * a + beta * b for c, a, b in zip(center, u, v))
    hidden = torch.relu(x @ w1.T + b1)
    return torch.log(torch.mean((torch.relu(hidden @ w2.T + b2) @ w3.T + b3 - y) ** 2))


def in_chunks(size):
    mapped = torch.func.vmap(loss, chunk_size=size)

    def work():
        with torch.no_grad():
            return mapped(alphas, betas)

    return work


common.report({f"torch.func.vmap(chunk_size={size})": in_chunks(size) for size in (50, 100, 400)},
              opts)
