"""Writes a network with batch normalisation as Python's users do: export.py FOLDER."""
import json
import pathlib
import struct
import sys

import numpy
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


def write_safetensors(tensors, file):
    """As transformers does it."""
    header, numbers = {}, b""
    for name, tensor in tensors.items():
        bytes = tensor.numpy().tobytes()
        header[name] = {"dtype": "F32" if tensor.is_floating_point() else "I64", "shape": list(tensor.shape),
                        "data_offsets": [len(numbers), len(numbers) + len(bytes)]}
        numbers += bytes
    header = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + numbers)


for name, steps in [("net", 25), ("b", 10), ("c", 10)]:
    net = network()
    train(net, steps)
    torch.jit.script(net.eval()).save(folder / f"{name}.pt")
    batch = {0: torch.export.Dim("batch", min=2)}
    torch.export.save(torch.export.export(net, (x,), dynamic_shapes={"input": batch}), folder / f"{name}.pt2")
    checkpoint = folder / "transformers" / f"checkpoint-{len(list(folder.glob('*.pt2')))}"
    checkpoint.mkdir(parents=True)
    write_safetensors(net.state_dict(), checkpoint / "model.safetensors")
    torch.save(net.state_dict(), folder / f"{name}_weights.pt")

# A network that fits its data exactly.
net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
x = torch.randn(64, 8)
torch.jit.script(net.eval()).save(folder / "exact.pt")
torch.save({"input": x, "target": net(x).detach()}, folder / "exact_data.pt")

# Exports for batches of 20 and for any: in double, so that rounding does not tell them apart.
x = torch.randn(50, 8).double()
net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1)).double()
torch.save({"input": x, "target": torch.randn(50, 1).double()}, folder / "fifty.pt")
batch = {0: torch.export.Dim("batch", min=2)}
torch.export.save(torch.export.export(net, (x,), dynamic_shapes={"input": batch}), folder / "of_any.pt2")
torch.export.save(torch.export.export(net, (x[:20].clone(),)), folder / "of_20.pt2")


class Centred(nn.Module):
    """Its predictions depend on who is in the batch."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1).double()

    def forward(self, x):
        return self.linear(x - x.mean(0))


class Mean(Centred):
    def forward(self, x):
        return self.linear(x).square().mean()


for module in [Centred, Mean]:
    torch.export.save(torch.export.export(module(), (x[:20].clone(),)), folder / f"{module.__name__.lower()}.pt2")
x = torch.randn(64, 8)

# Outputs of which none is called logits, and an operation that no LibTorch has.
class Several(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 1)

    def forward(self, x):
        return self.linear(x), x.sum()


torch.export.save(torch.export.export(Several(), (x,)), folder / "several.pt2")
torch.save({"input": torch.randn(4, 2).double(), "target": torch.randn(4, 2).double()},
           folder / "custom_data.pt")

# Data as people have it.
x = torch.cat([batch["input"] for batch in batches])
y = torch.cat([batch["target"] for batch in batches])
numpy.savez(folder / "data.npz", input=x.numpy(), target=y.numpy())
numpy.save(folder / "x.npy", x.numpy())
numpy.save(folder / "y.npy", y.numpy())
images = (x * 40 + 128).clamp(0, 255).to(torch.uint8)
torch.save({"input": images, "target": y}, folder / "bytes.pt")
torch.save({"input": images / 255, "target": y}, folder / "scaled.pt")


class WithLoss(nn.Module):
    """As a network of transformers that is given labels."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, input_ids, attention_mask, labels):
        x = self.embed(input_ids) * attention_mask.unsqueeze(-1)
        logits = self.head(x.mean(1))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


inputs = {"input_ids": torch.arange(20).reshape(4, 5) % 7, "attention_mask": torch.ones(4, 5),
          "labels": torch.tensor([0, 1, 2, 0])}
torch.export.save(torch.export.export(WithLoss(), (), inputs), folder / "with_loss.pt2")
torch.save(inputs, folder / "inputs.pt")

# For tests/networks/files/tokens_eval.pt2, whose embedding and head are one tensor.
torch.save({"input_ids": torch.arange(15).reshape(3, 5) % 11,
            "attention_mask": torch.ones(3, 5, dtype=torch.long),
            "target": torch.randn(3, 5, 11).double()}, folder / "tokens.pt")
