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

x, y = map(jnp.asarray, common.data(np, opts))
center, u, v = (list(map(jnp.asarray, common.weights(np, opts.widths, seed))) for seed in range(3))
axis = jnp.linspace(-5, 5, opts.points)
alphas, betas = (grid.ravel() for grid in jnp.meshgrid(axis, axis))


def place(alpha, beta):
    return [c + alpha * a + beta * b for c, a, b in zip(center, u, v)]


def network(parameters, inputs):
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2]):
        inputs = jax.nn.relu(inputs @ weight.T + bias)
    return inputs @ parameters[-2].T + parameters[-1]


def measured(predictions):
    if opts.widths[-1] == 1:
        return jnp.mean((predictions - y) ** 2)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(predictions), y[:, None], 1))


def loss(alpha, beta):
    return jnp.log(measured(network(place(alpha, beta), x)))


def eager():
    parameters = jax.vmap(place)(alphas, betas)
    predictions = jax.vmap(network, in_axes=(0, None))(parameters, x)
    return jnp.log(jax.vmap(measured)(predictions)).block_until_ready()


whole = jax.jit(jax.vmap(loss))


def in_batches(size):
    mapped = jax.jit(lambda a, b: jax.lax.map(lambda p: loss(*p), (a, b), batch_size=size))
    return lambda: mapped(alphas, betas).block_until_ready()


common.report({
    "jax eager vmap": eager,
    "jax.jit(vmap)": lambda: whole(alphas, betas).block_until_ready(),
    **{f"jax.jit(lax.map(batch_size={size}))": in_batches(size) for size in (10, 25, 50, 100, 200, 400)},
}, opts)
