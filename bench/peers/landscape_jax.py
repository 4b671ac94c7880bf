#!/usr/bin/env python3
"""The landscape job in JAX: the eager vmap as it is usually written, jit of it, and jit of lax.map in batches."""
import sys

import landscape_common as common

opts = common.options(__doc__)
common.pin(opts.threads)
try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except ImportError as missing:
    print(f"landscape_jax: skipped, {missing.name} is missing (pip install jax)")
    sys.exit(0)

x = jnp.linspace(-jnp.pi, jnp.pi, opts.samples)[:, None]
y = jnp.sin(x)
center, u, v = (list(map(jnp.asarray, common.weights(np, opts.hidden, seed))) for seed in range(3))
axis = jnp.linspace(-5, 5, 100)
alphas, betas = (grid.ravel() for grid in jnp.meshgrid(axis, axis))


def place(alpha, beta):
    return [c + alpha * a + beta * b for c, a, b in zip(center, u, v)]


def network(parameters, inputs):
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = jax.nn.relu(inputs @ w1.T + b1)
    return jax.nn.relu(hidden @ w2.T + b2) @ w3.T + b3


def loss(alpha, beta):
    return jnp.log(jnp.mean((network(place(alpha, beta), x) - y) ** 2))


def eager():
    parameters = jax.vmap(place)(alphas, betas)
    predictions = jax.vmap(network, in_axes=(0, None))(parameters, x)
    return np.log(((predictions - y) ** 2).mean((1, 2)))


whole = jax.jit(jax.vmap(loss))


def in_batches(size):
    mapped = jax.jit(lambda a, b: jax.lax.map(lambda p: loss(*p), (a, b), batch_size=size))
    return lambda: mapped(alphas, betas).block_until_ready()


common.report({
    "jax eager vmap": eager,
    "jax.jit(vmap)": lambda: whole(alphas, betas).block_until_ready(),
    **{f"jax.jit(lax.map(batch_size={size}))": in_batches(size) for size in (10, 25, 50, 100)},
}, opts)
