"""Landscapes of ResNet, ViT and others: a careful loop in PyTorch and bench_scale, which take turns on the same plane
of the same networks: landscape_torch_loop.py BENCH_SCALE [--networks resnet20,bert] [--rounds 3] [--samples 256]
[--threads 1] [--folder out/scale] [--compile]. Prints a JSON object a network: the best seconds a network of each, how
many times as fast bench_scale is, the largest difference of the values, and what memory it took. The loop, which has
nothing to prepare or to check, takes every sixth point."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import warnings

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("program", help="build/release/bin/bench_scale")
parser.add_argument("--networks", default="")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--samples", type=int, default=256)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--points", type=int, default=0, help="of the loop; 0: as many as take some seconds")
parser.add_argument("--work", action="store_true", help="seconds of work, not of the clock: steadier on a busy machine")
parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("out/scale"))
parser.add_argument("--compile", action="store_true", help="of torch.compile, whose compiling is not counted")
opts = parser.parse_args()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(opts.threads)
try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("landscape_torch_loop: skipped, torch is missing (pip install torch)")
    sys.exit(0)
import landscape_networks

EACH = 6  # of bench_scale's points is one of the loop's

warnings.filterwarnings("ignore")
torch.set_num_threads(opts.threads)
opts.folder.mkdir(parents=True, exist_ok=True)


@torch.no_grad()
def loop(net, inputs, target, directions, alphas):
    center = [p.detach().clone() for p in net.parameters()]
    call = torch.compile(net) if opts.compile else net

    def value(alpha):
        for p, c, u, v in zip(net.parameters(), center, *directions):
            p.copy_(c).add_(u, alpha=alpha).add_(v, alpha=0.0)
        return F.cross_entropy(call(*inputs.values()), target).item()

    with torch.no_grad():
        values = [value(alpha) for alpha in alphas]
        for p, c in zip(net.parameters(), center):
            p.copy_(c)
    return values


for name in [name for name in opts.networks.split(",") if name] or landscape_networks.NETWORKS:
    net, inputs, target, directions, points = landscape_networks.made(name, opts.samples)
    points = opts.points or points
    landscape_networks.export(net, inputs, opts.folder / f"{name}.pt2")
    torch.save({"inputs": inputs, "target": target, "u": directions[0], "v": directions[1]}, opts.folder / f"{name}.pt")
    many = EACH * (points - 1) + 1
    command = [opts.program, "--folder", str(opts.folder), "--network", name, "--points", str(many),
               "--threads", str(opts.threads)]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    alphas = torch.linspace(-1, 1, points, dtype=torch.float64).tolist() if points > 1 else [-1.0]
    if opts.compile:
        loop(net, inputs, target, directions, alphas[:1])
    python = ours = float("inf")
    clock = time.process_time if opts.work else time.perf_counter
    for _ in range(opts.rounds):
        begin = clock()
        expected = loop(net, inputs, target, directions, alphas)
        python = min(python, (clock() - begin) / points)
        peer.stdin.write("go\n")
        peer.stdin.flush()
        answer = json.loads(peer.stdout.readline())
        ours = min(ours, answer["work" if opts.work else "s"] / many)
    peer.stdin.close()
    memory = json.loads(peer.stdout.readline())
    peer.wait()
    difference = max(abs(a - b) for a, b in zip(answer["values"][::EACH], expected))
    print(json.dumps({"network": name, "samples": opts.samples, "threads": opts.threads, "points": many,
                      "python": round(python, 4), "descent": round(ours, 4), "times": round(python / ours, 2),
                      "difference": difference, **memory}), flush=True)
