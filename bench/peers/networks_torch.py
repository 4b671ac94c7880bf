"""Exports the networks of bench_networks and measures them in Python, on one thread: networks_torch.py
[FOLDER [ROUNDS]]. Prints a JSON object a line: the best of the rounds, in microseconds of work."""
import json
import pathlib
import sys
import time
import warnings

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError:
    sys.exit("networks_torch.py needs torch")

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "out/networks")
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 100
folder.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.down(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
        self.blocks = nn.Sequential(*(Block(a, b, 1 if a == b else 2) for a, b in zip(widths, widths[1:])))
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Chain(nn.Module):
    def forward(self, x):
        for _ in range(500):
            x = torch.tanh(x).add(1)
        return x


class Input(nn.Module):
    def __init__(self, x):
        super().__init__()
        self.register_buffer("x", x)

    def forward(self):
        return self.x


def mlp():
    return nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))


def best(work, count):
    least = float("inf")
    for _ in range(count):
        begin = time.thread_time()
        work()
        least = min(least, time.thread_time() - begin)
    return 1e6 * least


torch.export.save(torch.export.export(Chain(), (torch.zeros(1),)), folder / "chain.pt2")
for name, make, x in [("mlp", mlp, torch.linspace(-1, 1, 100).reshape(100, 1)),
                      ("resnet18", ResNet18, torch.randn(8, 3, 32, 32))]:
    net = make().train()
    torch.export.save(torch.export.export(net, (x,)), folder / f"{name}.pt2")
    torch.jit.script(net).save(folder / f"{name}.pt")
    torch.jit.script(Input(x)).save(folder / f"{name}.input.pt")
    count = 10 * rounds if name == "mlp" else rounds // 5
    module = torch.export.load(folder / f"{name}.pt2").module()

    def forward(net):
        with torch.no_grad():
            net(x)

    def step(net):
        for parameter in net.parameters():
            parameter.grad = None
        net(x).square().mean().backward()

    for what, times in [
            ("load", {"python": best(lambda: torch.export.load(folder / f"{name}.pt2"), 3)}),
            ("forward", {"python": best(lambda: forward(net), count), "python program": best(lambda: forward(module), count)}),
            ("step", {"python": best(lambda: step(net), count), "python program": best(lambda: step(module), count)})]:
        print(json.dumps({"network": name, "what": what, "us": times}), flush=True)
