"""Writes a network with batch normalisation as Python's users do: export.py FOLDER."""
import pathlib
import sys

import torch
from torch import nn

folder = pathlib.Path(sys.argv[1])
(folder / "snapshots").mkdir(parents=True)
torch.manual_seed(0)
x = torch.randn(96, 1, 6, 6)
y = (x[:, 0, :3].sum((1, 2)) > x[:, 0, 3:].sum((1, 2))).long()
batches = [{"input": x[k:k + 32], "target": y[k:k + 32]} for k in range(0, 96, 32)]
torch.save(batches, folder / "data.pt")
torch.save({"input": torch.full_like(x, torch.inf), "target": y}, folder / "infinite.pt")


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
                         nn.Linear(64, 2))


def train(net, steps):
    opt = torch.optim.Adam(net.parameters(), 0.01)
    for step in range(steps):
        if steps > 20:
            torch.save(net.state_dict(), folder / "snapshots" / f"{step:08}.pt")
        for batch in batches:
            opt.zero_grad()
            nn.functional.cross_entropy(net(batch["input"]), batch["target"]).backward()
            opt.step()


for name, steps in [("net", 25), ("b", 10), ("c", 10)]:
    net = network()
    train(net, steps)
    torch.jit.script(net.eval()).save(folder / f"{name}.pt")

# A network that fits its data exactly.
net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
x = torch.randn(64, 8)
torch.jit.script(net.eval()).save(folder / "exact.pt")
torch.save({"input": x, "target": net(x).detach()}, folder / "exact_data.pt")
