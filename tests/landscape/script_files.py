"""Writes TorchScript files, files that are none, and what Python's networks lose, into a folder."""
import copy
import pathlib
import sys

import torch
from torch import nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(2, 4, 3)
        self.norm = nn.BatchNorm1d(4)
        self.encoder = nn.Sequential(
            nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
            nn.TransformerEncoderLayer(
                4, 2, 8, batch_first=True, norm_first=True, activation="gelu"),
        )
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        h = torch.relu(self.norm(self.convolution(x))).transpose(1, 2)
        return self.out(self.encoder(h).mean(1))


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(14, 9)
        self.rest = nn.Sequential(
            nn.Linear(9, 8, bias=False), nn.GELU("tanh"), nn.Dropout(), nn.Identity(),
            nn.Linear(8, 7), nn.SiLU(inplace=True), nn.Tanh(), nn.Linear(7, 3))

    def forward(self, x):
        h = nn.functional.relu(self.first(torch.flatten(x, 1)))
        h = nn.functional.dropout(nn.functional.gelu(h), training=self.training)
        return self.rest(torch.sigmoid(h))


folder = pathlib.Path(sys.argv[1])
torch.manual_seed(5)
x, y = torch.randn(6, 2, 7), torch.randint(3, (6,))
net = Small()
net(2 * x + 1)  # moves the running statistics
net.eval()

torch.jit.script(net).save(folder / "scripted.pt")
torch.jit.trace(net, x, check_trace=False).save(folder / "traced.pt")
chain = Chain().eval()
torch.jit.script(chain).save(folder / "chain_scripted.pt")
torch.jit.trace(chain, x, check_trace=False).save(folder / "chain_traced.pt")
torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(2, 3)).eval())).save(folder / "frozen.pt")
torch.save(net.state_dict(), folder / "state_dict.pt")
torch.save(net.state_dict(), folder / "old.pt", _use_new_zipfile_serialization=False)
torch.export.save(torch.export.export(net, (x,)), folder / "exported.pt2")


class Data(nn.Module):
    def __init__(self):
        super().__init__()
        with torch.no_grad():
            loss = nn.functional.cross_entropy(net(x).double(), y)
            net.train()
            net.encoder.eval()
            in_training = nn.functional.cross_entropy(net(x).double(), y)
            of_chain = nn.functional.cross_entropy(copy.deepcopy(chain).double()(x.double()), y)
        self.register_buffer("x", x)
        self.register_buffer("y", y)
        self.register_buffer("losses", torch.stack([loss, in_training, of_chain]))

    def forward(self):
        return self.x


torch.jit.script(Data()).save(folder / "data.pt")
