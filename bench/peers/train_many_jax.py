"""Many small networks trained at once by JAX: jit(vmap(scan over the steps)), in batches of the size
that is fastest, on the CPU. Prints the rows of bench_train_many.

    taskset -c 0 python train_many_jax.py [case] [networks] [cpu]      # one core

With "cpu", the times are those of the processor.
"""
import os
import sys
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

now = time.process_time if sys.argv[3:] == ["cpu"] else time.perf_counter
x = jnp.linspace(-3, 3, 100)[:, None]
noise = jax.random.split(jax.random.PRNGKey(0))
CASES = {
    # name: widths, activation, optimizer, data, networks, steps, rates
    "wide": ([1, 64, 64, 1], jax.nn.relu, "adamw", (x, jnp.sin(x)), 1024, 200, (1e-4, 1e-2)),
    "narrow": ([16, 16, 1], jnp.tanh, "sgd",
               (jax.random.normal(noise[0], (16, 16)), jax.random.normal(noise[1], (16, 1))),
               4096, 500, (1e-3, 1e-1)),
}


def initial(key, widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        key, one, other = jax.random.split(key, 3)
        bound = inputs ** -0.5
        layers.append((jax.random.uniform(one, (inputs, outputs), minval=-bound, maxval=bound),
                       jax.random.uniform(other, (outputs,), minval=-bound, maxval=bound)))
    return layers


def training(widths, activation, optimizer, data, steps):
    """A function of a seed and a rate: the final loss."""
    inputs, targets = data

    def loss(layers):
        h = inputs
        for k, (weight, bias) in enumerate(layers):
            h = h @ weight + bias
            if k + 1 < len(layers):
                h = activation(h)
        return jnp.mean((h - targets) ** 2)

    def sgd(state, t, lr):
        value, g = jax.value_and_grad(loss)(state)
        return jax.tree.map(lambda p, d: p - lr * d, state, g), value

    def adamw(state, t, lr, b1=0.9, b2=0.999, eps=1e-8, decay=1e-2):
        p, m, v = state
        value, g = jax.value_and_grad(loss)(p)
        m = jax.tree.map(lambda a, d: b1 * a + (1 - b1) * d, m, g)
        v = jax.tree.map(lambda a, d: b2 * a + (1 - b2) * d * d, v, g)
        c1, c2 = 1 - b1 ** (t + 1.0), 1 - b2 ** (t + 1.0)
        p = jax.tree.map(lambda w, a, b: w * (1 - lr * decay) -
                         lr / c1 * a / (jnp.sqrt(b) / jnp.sqrt(c2) + eps), p, m, v)
        return (p, m, v), value

    def train(seed, lr):
        layers = initial(jax.random.PRNGKey(seed), widths)
        zeros = jax.tree.map(jnp.zeros_like, layers)
        state = (layers, zeros, zeros) if optimizer == "adamw" else layers
        step = adamw if optimizer == "adamw" else sgd
        state, _ = jax.lax.scan(lambda s, t: step(s, t, lr), state, jnp.arange(steps))
        return loss(state[0] if optimizer == "adamw" else state)

    return train


print(f"{'case':7} {'networks':>9} {'steps':>6} {'seconds':>9}  networks in a batch", flush=True)
for name, (widths, activation, optimizer, data, networks, steps, (lo, hi)) in CASES.items():
    if len(sys.argv) > 1 and sys.argv[1] not in ("all", name):
        continue
    if len(sys.argv) > 2:
        networks = int(sys.argv[2])
    many = jax.jit(jax.vmap(training(widths, activation, optimizer, data, steps)))
    seeds = jnp.arange(networks)
    rates = lo * (hi / lo) ** (seeds / networks)

    def seconds(batch, count):
        begin = now()
        for first in range(0, count, batch):
            many(seeds[first:first + batch], rates[first:first + batch]).block_until_ready()
        return now() - begin

    tried = {}
    for batch in (1, 4, 8, 16, 32, 64, 128, 256):
        if batch > networks:
            break
        seconds(batch, batch)  # compiles
        few = max(batch, min(networks, 64) // batch * batch)
        tried[batch] = seconds(batch, few) / few
    best = min(tried, key=tried.get)
    whole = min(seconds(best, networks // best * best) for _ in range(2))
    print(f"{name:7} {networks:9} {steps:6} {whole:9.3f}  {best}   "
          + " ".join(f"{b}:{t * networks:.2f}" for b, t in tried.items()), flush=True)
