"""Writes what examples/train_network.cpp trains: ResNet-20 as net.pt2, and images of ten shapes that this script
draws, 32 x 32 in colour, as train.pt and as data.pt, which is a part of them for landscapes. Nothing is loaded.

    python3 examples/resnet20.py out/resnet20 [SAMPLES]
    build/release/bin/train_network --folder out/resnet20
    descent landscape --model out/resnet20/trained.pt2 --data out/resnet20/data.pt --loss cross_entropy
"""
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench" / "peers"))
import landscape_networks

SAMPLES = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
SHOWN = 64


def images(count):
    """Shapes at random places, of random sizes, colours and backgrounds, with noise."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    u = (x - 16 - 5 * torch.randn(count, 1, 1).clamp(-1.2, 1.2)) / (7 + 3 * torch.rand(count, 1, 1))
    v = (y - 16 - 5 * torch.randn(count, 1, 1).clamp(-1.2, 1.2)) / (7 + 3 * torch.rand(count, 1, 1))
    r, box = torch.hypot(u, v), torch.maximum(u.abs(), v.abs())
    shapes = torch.stack([
        r < 1,                                          # disc
        (r < 1) & (r > 0.6),                            # ring
        box < 0.85,                                     # square
        (box < 0.9) & (box > 0.55),                     # frame
        (v < 0.8) & (v > 2 * u.abs() - 1),              # triangle
        (v > -0.8) & (-v > 2 * u.abs() - 1),            # triangle upside down
        (box < 1) & (torch.minimum(u.abs(), v.abs()) < 0.3),  # plus
        (box < 0.9) & ((u.abs() - v.abs()).abs() < 0.35),     # cross
        (box < 1) & (torch.sin(7 * u) > 0),             # upright stripes
        (box < 1) & (torch.sin(7 * v) > 0),             # lying stripes
    ], 1).float()
    target = torch.randint(0, 10, (count,))
    shape = shapes[torch.arange(count), target][:, None]
    front, back = torch.rand(2, count, 3, 1, 1)
    return shape * front + (1 - shape) * back - 0.5 + 0.15 * torch.randn(count, 3, 32, 32), target


folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "out/resnet20")
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
x, target = images(SAMPLES)
torch.save({"input": x, "target": target}, folder / "train.pt")
torch.save({"input": x[:SHOWN].clone(), "target": target[:SHOWN].clone()}, folder / "data.pt")
net = landscape_networks.NETWORKS["resnet20"][0]()
landscape_networks.export(net.train(), {"x": x[:4].clone()}, folder / "net.pt2")
