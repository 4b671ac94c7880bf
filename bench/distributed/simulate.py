"""simulate.py FILE | ALPHA_US BETA_NS_A_BYTE GAMMA_NS_A_BYTE

Time of one sum over 8 to 1024 ranks, and efficiency of a training step, by an alpha-beta model. The
numbers are a hop's delay, and the network's and the adding's time for a byte: as bench_distributed
measured them between processes, which the last line "model" of FILE has, or a network's own. A message
beside others is taken to cost the processor 10 us. cables.py compares the model with networks of
limited rate.

  ring   gloo's: 2 (n - 1) hops, one after another
  ours   World::sum up to direct_up_to ranks: two hops, every rank with every other
  rows   World::sum above: along rows of 2^k ranks and then along columns
"""
import json
import math
import sys

MESSAGE = 10e-6
SEGMENT = 512 << 10
COMPUTING, GRADIENTS = 0.3, 102_400_000  # seconds and bytes of a step


class Network:
    """Seconds that sums of `size` bytes over n ranks take."""

    def __init__(self, alpha, beta, gamma):
        self.alpha, self.beta, self.gamma = alpha, beta, gamma

    def ring(self, n, size):
        return 2 * (n - 1) * (self.alpha + size / n * self.beta) + (n - 1) / n * size * self.gamma

    def ours(self, n, size):
        # Each peer gets and sends a message for every segment, in both halves.
        messages = 2 * (n - 1) * max(1, math.ceil(size / n / SEGMENT))
        return 2 * self.alpha + messages * MESSAGE + (n - 1) / n * size * (2 * self.beta + self.gamma)

    def rows(self, n, size):
        length = 1
        while n % (2 * length) == 0 and length * length < n:
            length *= 2
        return self.ours(length, size) + self.ours(n // length, size / length)


def step(n, way):
    """Backward, two thirds of the computing, hides all buckets but the last, of 1 MiB."""
    first, others = 1 << 20, 25 << 20
    hidden = round((GRADIENTS - first) / others) * way(n, others)
    return COMPUTING / 3 + max(COMPUTING * 2 / 3, hidden) + way(n, first)


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    if len(sys.argv) == 4:
        given = sys.argv[1:]
    else:
        with open(sys.argv[1]) as lines:
            model = [line for line in map(json.loads, lines) if line["bench"] == "model"][-1]
        given = [model[key] for key in ("alpha_us", "beta_ns_a_byte", "gamma_ns_a_byte")]
    alpha, beta, gamma = (float(x) * unit for x, unit in zip(given, (1e-6, 1e-9, 1e-9)))
    network = Network(alpha, beta, gamma)
    ways = (network.ring, network.ours, network.rows)
    print(f"alpha {alpha * 1e6:g} us, beta {beta * 1e9:g} ns a byte, gamma {gamma * 1e9:g} ns a byte, "
          f"{MESSAGE * 1e6:g} us a message")
    print(f"{'':6}{'sum of 4 KiB, us':^24}{'sum of 25 MiB, ms':^27}efficiency of a step")
    print("ranks " + (3 * "{:>8}").format("ring", "ours", "rows")
          + (6 * "{:>9}").format(*2 * ("ring", "ours", "rows")))
    for n in (8, 16, 32, 64, 128, 256, 512, 1024):
        print(f"{n:5} " + "".join(f"{way(n, 4096) * 1e6:8.0f}" for way in ways)
              + "".join(f"{way(n, 25 << 20) * 1e3:9.1f}" for way in ways)
              + "".join(f"{COMPUTING / step(n, way):9.2f}" for way in ways))


if __name__ == "__main__":
    main()
