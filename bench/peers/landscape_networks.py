"""The networks of bench_scale: as modules of PyTorch, with data and a plane, and as files of torch.export."""
import functools

import torch
import torch.nn.functional as F
from torch import nn


def conv(inputs, outputs, size, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.down = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.down = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.down(x))


class ResNet(nn.Module):
    def __init__(self, blocks, widths):
        super().__init__()
        self.conv1, self.bn1 = conv(3, widths[0], 3), nn.BatchNorm2d(widths[0])
        layers, inputs = [], widths[0]
        for width in widths:
            for k in range(blocks):
                layers.append(Block(inputs, width, 2 if k == 0 and width != widths[0] else 1))
                inputs = width
        self.blocks, self.fc = nn.Sequential(*layers), nn.Linear(inputs, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn1(self.conv1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def vgg11():
    layers, inputs = [], 3
    for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [conv(inputs, width, 3), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, factor):
        super().__init__()
        inner = inputs * factor
        expand = [] if factor == 1 else [conv(inputs, inner, 1), nn.BatchNorm2d(inner), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, conv(inner, inner, 3, stride, inner), nn.BatchNorm2d(inner), nn.ReLU6(),
                                    conv(inner, outputs, 1), nn.BatchNorm2d(outputs))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.shortcut else self.layers(x)


def mobilenet():
    layers, inputs = [conv(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU6()], 32
    for factor, width, count, stride in ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                         (6, 160, 3, 2), (6, 320, 1, 1)):
        for k in range(count):
            layers.append(Inverted(inputs, width, stride if k == 0 else 1, factor))
            inputs = width
    return nn.Sequential(*layers, conv(inputs, 1280, 1), nn.BatchNorm2d(1280), nn.ReLU6(), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten(), nn.Linear(1280, 10))


class Dense(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), conv(inputs, 4 * growth, 1),
                                    nn.BatchNorm2d(4 * growth), nn.ReLU(), conv(4 * growth, growth, 3))

    def forward(self, x):
        return torch.cat([x, self.layers(x)], 1)


def densenet(growth=12, count=16):
    layers, inputs = [conv(3, 2 * growth, 3)], 2 * growth
    for block in range(3):
        for _ in range(count):
            layers.append(Dense(inputs, growth))
            inputs += growth
        if block < 2:
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(), conv(inputs, inputs // 2, 1), nn.AvgPool2d(2)]
            inputs //= 2
    return nn.Sequential(*layers, nn.BatchNorm2d(inputs), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(inputs, 10))


class Layer(nn.Module):
    def __init__(self, dim, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.ln1, self.qkv, self.out = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.ln2, self.up, self.down = nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, mask=None):
        q, k, v = self.qkv(self.ln1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class ViT(nn.Module):
    def __init__(self, dim=192, depth=12, heads=3):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 4, 4)
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(0.02 * torch.randn(1, 65, dim))
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.size(0), -1, -1), x], 1) + self.place
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, 0])


class Bert(nn.Module):
    def __init__(self, vocabulary=2000, length=64, dim=128, depth=4, heads=4):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, dim), nn.Embedding(length, dim)
        self.layers = nn.ModuleList(Layer(dim, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 2)

    def forward(self, input_ids, attention_mask):
        x = self.words(input_ids) + self.places.weight
        mask = attention_mask[:, None, None, :].to(torch.bool)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x)[:, 0])


class Gpt(nn.Module):
    def __init__(self, vocabulary=500, length=64, dim=128, depth=4, heads=4):
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, dim), nn.Embedding(length, dim)
        self.layers = nn.ModuleList(Layer(dim, heads, causal=True) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, vocabulary)

    def forward(self, input_ids):
        x = self.words(input_ids) + self.places.weight
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)).transpose(1, 2)


class Lstm(nn.Module):
    def __init__(self, inputs=32, hidden=128):
        super().__init__()
        self.lstm, self.head = nn.LSTM(inputs, hidden, num_layers=2, batch_first=True), nn.Linear(hidden, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def images(samples):
    return {"x": torch.randn(samples, 3, 32, 32)}, torch.randint(0, 10, (samples,))


def bert_data(samples):
    lengths = torch.randint(20, 65, (samples, 1))
    return ({"input_ids": torch.randint(0, 2000, (samples, 64)),
             "attention_mask": (torch.arange(64) < lengths).to(torch.int64)}, torch.randint(0, 2, (samples,)))


def gpt_data(samples):
    words = torch.randint(0, 500, (samples, 65))
    return {"input_ids": words[:, :-1].contiguous()}, words[:, 1:].contiguous()


def lstm_data(samples):
    return {"x": torch.randn(samples, 64, 32)}, torch.randint(0, 10, (samples,))


# Each with the points of a line through the center that take some seconds.
NETWORKS = {
    "resnet18": (functools.partial(ResNet, 2, (64, 128, 256, 512)), images, 3),
    "resnet20": (functools.partial(ResNet, 3, (16, 32, 64)), images, 9),
    "resnet56": (functools.partial(ResNet, 9, (16, 32, 64)), images, 3),
    "vgg11": (vgg11, images, 3),
    "densenet": (densenet, images, 3),
    "mobilenet": (mobilenet, images, 3),
    "vit": (ViT, images, 3),
    "bert": (Bert, bert_data, 9),
    "gpt": (Gpt, gpt_data, 5),
    "lstm": (Lstm, lstm_data, 9),
}


def made(name, samples):
    """The network in eval mode, its inputs by name, its targets, and two directions of its parameters' norms."""
    make, data, points = NETWORKS[name]
    torch.manual_seed(0)
    net = make().eval()
    for module in net.modules():  # statistics that are not those of a new network
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    inputs, target = data(samples)
    parameters = [p.detach() for p in net.parameters()]
    directions = [[torch.randn_like(p) * 0.1 * p.norm() / max(p.numel(), 1) ** 0.5 for p in parameters]
                  for _ in range(2)]
    return net, inputs, target, directions, points


def export(net, inputs, file):
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(net, tuple(inputs.values()), dynamic_shapes=tuple({0: batch} for _ in inputs))
    torch.export.save(program, file)
