"""What bench_distributed's training measures, through Python's DistributedDataParallel on gloo.

ddp.py [SIZE...]   starts groups of 2 and 4 processes, or of these sizes. A line of JSON for each network.
"""
import json
import os
import socket
import subprocess
import sys
import time


def block(nn, inputs, outputs, stride):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.way = nn.Sequential(conv(nn, inputs, outputs, 3, stride), nn.BatchNorm2d(outputs), nn.ReLU(),
                                     conv(nn, outputs, outputs, 3, 1), nn.BatchNorm2d(outputs))
            self.aside = nn.Sequential(conv(nn, inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return (self.way(x) + self.aside(x)).relu()

    return Block()


def conv(nn, inputs, outputs, size, stride):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


def bench(name, net, x, y, rounds):
    import torch
    import torch.distributed as dist
    # Buffers are broadcast once, as by DataParallel.
    parallel = torch.nn.parallel.DistributedDataParallel(net, broadcast_buffers=False,
                                                         gradient_as_bucket_view=True)
    times = []
    for turn in range(-3, rounds):
        dist.barrier()
        start = time.perf_counter()
        net.zero_grad(set_to_none=True)
        torch.nn.functional.mse_loss(parallel(x), y).backward()
        spent = 1e3 * (time.perf_counter() - start)
        if turn >= 0:
            times.append(spent)
    times.sort()
    if dist.get_rank() == 0:
        print(json.dumps({"bench": "training", "by": "ddp", "network": name, "ranks": dist.get_world_size(),
                          "least_ms": times[0], "median_ms": times[len(times) // 2]}), flush=True)


def run_rank():
    import torch
    import torch.distributed as dist
    from torch import nn
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(dist.get_rank())
    bench("mlp", nn.Sequential(nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(),
                               nn.Linear(1024, 10)),
          torch.randn(64, 512), torch.randn(64, 10), 60)
    bench("resnet", nn.Sequential(conv(nn, 3, 16, 3, 1), nn.BatchNorm2d(16), nn.ReLU(), block(nn, 16, 16, 1),
                                  block(nn, 16, 32, 2), block(nn, 32, 64, 2), nn.AdaptiveAvgPool2d(1),
                                  nn.Flatten(), nn.Linear(64, 10)),
          torch.randn(32, 3, 32, 32), torch.randn(32, 10), 15)
    dist.destroy_process_group()


def run_world(size):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = [subprocess.Popen([sys.executable, __file__, "--rank"],
                              env={**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                                   "WORLD_SIZE": str(size), "RANK": str(rank), "OMP_NUM_THREADS": "1"})
             for rank in range(size)]
    return all([rank.wait() == 0 for rank in ranks])


if sys.argv[1:] == ["--rank"]:
    run_rank()
else:
    sizes = [int(word) for word in sys.argv[1:]] or [2, 4]
    sys.exit(0 if all([run_world(size) for size in sizes]) else 1)
