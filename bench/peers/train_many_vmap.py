"""Steps of many copies of a network that is no chain: vmap over stacked parameters beside a loop over copies.

train_many_vmap.py [COPIES]     processor seconds of one thread; a line of JSON for each network

Both take gradients of the same batch and an SGD step. The loop is autograd on each copy, which is what
train_many() does with such networks; vmap is torch.func's, the only one that LibTorch has for gradients.
"""
import json
import sys
import time

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.way = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x):
        return x + self.way(x)


NETWORKS = {
    "residual": (lambda: nn.Sequential(nn.Linear(8, 16), Residual(16), Residual(16), nn.Linear(16, 1)),
                 (64, 8), (64, 1)),
    "wide residual": (lambda: nn.Sequential(nn.Linear(8, 128), Residual(128), Residual(128), nn.Linear(128, 1)),
                      (64, 8), (64, 1)),
    "convolutions": (lambda: nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                           nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(),
                                           nn.Linear(16 * 16, 10)),
                     (32, 1, 8, 8), (32, 10)),
}


def seconds(step, rounds=10):
    step()
    begin = time.process_time()
    for _ in range(rounds):
        step()
    return (time.process_time() - begin) / rounds


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    copies = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    for name, (make, input_sizes, target_sizes) in NETWORKS.items():
        x, y = torch.randn(input_sizes), torch.randn(target_sizes)
        nets = [make() for _ in range(copies)]
        stacked, _ = stack_module_state(nets)
        stacked = {key: value.detach() for key, value in stacked.items()}
        base = nets[0]
        gradients = vmap(grad(lambda weights: nn.functional.mse_loss(functional_call(base, weights, (x,)), y)))

        def at_once():
            for key, value in gradients(stacked).items():
                stacked[key].sub_(value, alpha=1e-3)

        def in_turn():
            for net in nets:
                weights = list(net.parameters())
                found = torch.autograd.grad(nn.functional.mse_loss(net(x), y), weights)
                with torch.no_grad():
                    torch._foreach_sub_(weights, found, alpha=1e-3)

        turns = [(seconds(at_once), seconds(in_turn)) for _ in range(3)]
        vmapped, looped = (min(turn[k] for turn in turns) for k in (0, 1))
        print(json.dumps({"network": name, "copies": copies, "vmap_us": 1e6 * vmapped / copies,
                          "loop_us": 1e6 * looped / copies, "loop_over_vmap": looped / vmapped}), flush=True)


main()
