"""Reads the snapshots that a Recorder wrote into a folder, and writes others as Python users do."""
import math
import pathlib
import sys

import torch
from torch import nn

folder = pathlib.Path(sys.argv[1])
net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))

files = sorted((folder / "recorded").iterdir())
assert [int(file.stem) for file in files] == list(range(6)), files
for step, file in enumerate(files):
    state = torch.load(file, weights_only=True)
    names = [name for name, _ in [*net.named_parameters(), *net.named_buffers()]]
    assert list(state) == names, list(state)
    net.load_state_dict(state)
    assert all(bool((p == step).all()) for p in net.parameters()), file

(folder / "python").mkdir()
for step in range(0, 20, 5):
    torch.serialization.set_crc32_options(step < 10)
    with torch.no_grad():
        for i, parameter in enumerate(net.parameters()):
            parameter.fill_(math.sin(step + i))
    torch.save(net.state_dict(), folder / "python" / f"{step:08}.pt")
