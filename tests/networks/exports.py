"""Writes exported networks and what Python makes of them: exports.py FOLDER [NAME...].

NAME.pt2 is the network. NAME.ref.pt is a dict for it: "inputs", "outputs", and after a backward pass
of the outputs "grads" and "buffers", by name. NAME.other.ref.pt is the same of the network in the
other mode. Whatever is only to be refused has no such file.
"""
import copy
import io
import json
import pathlib
import struct
import sys
import warnings
import zipfile

import torch
import torch.nn.functional as F
import torch.utils._pytree as pytree
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
Dim = torch.export.Dim
BATCH = {0: Dim("batch", min=2, max=4096)}
cases = {}


def case(make):
    cases[make.__name__] = make
    return make


def seeded(make, double=True):
    torch.manual_seed(0)
    net = make()
    return net.double() if double else net


def randn(*sizes, dtype=torch.float64):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def flat(tree):
    return [x for x in pytree.tree_leaves(tree) if x is not None]


def loss_of(outputs):
    """The same in exported_test.cpp."""
    loss = 0.0
    for output in outputs:
        if isinstance(output, torch.Tensor) and (output.is_floating_point() or output.is_complex()):
            real = torch.view_as_real(output) if output.is_complex() else output
            weights = torch.cos(torch.arange(real.numel(), dtype=torch.float64)).reshape(real.shape)
            loss = loss + (real.double() * weights).mean()
    return loss


def record(name, module, args, kwargs):
    """What Python makes of a module."""
    module = copy.deepcopy(module)
    inputs = [x.clone() if isinstance(x, torch.Tensor) else x for x in flat((args, kwargs))]
    inputs = [x for x in inputs if isinstance(x, torch.Tensor)]
    torch.manual_seed(7)
    outputs = flat(module(*copy.deepcopy(args), **copy.deepcopy(kwargs)))
    loss = loss_of(outputs)
    if isinstance(loss, torch.Tensor) and loss.requires_grad:
        loss.backward()
    parameters = dict(module.named_parameters(remove_duplicate=False))
    torch.save({"inputs": inputs,
                "outputs": [x.detach().clone() if isinstance(x, torch.Tensor) else x for x in outputs],
                "grads": {k: v.grad for k, v in parameters.items() if v.grad is not None},
                "buffers": {k: v.clone() for k, v in module.named_buffers(remove_duplicate=False)}},
               folder / f"{name}.ref.pt")


def write(name, net, args, kwargs=None, dynamic=None, decompose=False, other=False, refused=False,
          call=None, by_network=False):
    """`other`: also what the network does in the other mode; `call`: other arguments to record;
    `by_network`: of the network itself, where Python cannot differentiate the program."""
    kwargs = kwargs or {}
    program = torch.export.export(net, args, kwargs, dynamic_shapes=dynamic)
    if decompose:
        program = program.run_decompositions()
    for module in program.graph_module.modules():
        for node in getattr(module, "graph", torch.fx.Graph()).nodes:
            node.meta.pop("stack_trace", None)  # which names folders of this machine
    torch.export.save(program, folder / f"{name}.pt2")
    if refused:
        return
    args, kwargs = call or (args, kwargs)
    module = net if by_network else torch.export.load(folder / f"{name}.pt2").module()
    record(name, module, args, kwargs)
    if other:
        record(f"{name}.other", copy.deepcopy(net).train(not net.training), args, kwargs)


def record_steps(name, x):
    """The losses of 20 steps of SGD and of AdamW."""
    losses = {}
    for kind, make in [("sgd", lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
                       ("adamw", lambda p: torch.optim.AdamW(p, 0.01))]:
        module = torch.export.load(folder / f"{name}.pt2").module()
        opt = make(module.parameters())
        torch.manual_seed(7)
        losses[kind] = []
        for _ in range(20):
            opt.zero_grad()
            loss = loss_of([module(x)])
            loss.backward()
            opt.step()
            losses[kind].append(loss.item())
    torch.save({"inputs": [x], **losses}, folder / f"{name}.steps.pt")


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))


class Convolutions(nn.Module):
    def __init__(self, momentum=0.1):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4, momentum=momentum)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
                                   nn.Conv2d(4, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4))
        self.drop = nn.Dropout(0.25)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x)))
        x = F.max_pool2d(F.relu(x + self.block(x)), 2)
        return self.out(self.drop(F.adaptive_avg_pool2d(x, 1).flatten(1)))


class Tokens(nn.Module):
    """A transformer with tied embeddings, a mask and several outputs."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.position = nn.Parameter(torch.randn(6, 8) / 10)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, input_ids, attention_mask):
        x = self.embed(input_ids) + self.position[:input_ids.shape[1]]
        x = self.layer(x, src_key_padding_mask=attention_mask == 0)
        return {"hidden": x, "logits": self.head(self.norm(x))}


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, 2, 4).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.2 if self.training else 0.0, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, t, c))


@case
def mlp():
    write("mlp", seeded(Mlp), (randn(6, 2),), dynamic=(BATCH,), call=((randn(9, 2),), {}))
    write("mlp_float", seeded(Mlp, False), (randn(6, 2, dtype=torch.float32),), dynamic=(BATCH,))
    write("fixed", seeded(Mlp), (randn(6, 2),))


@case
def guide():
    """What docs/networks.md loads."""
    net = seeded(lambda: nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1)), False)
    write("guide", net, (randn(20, 1, dtype=torch.float32),), dynamic=(BATCH,))
    write("guide_eval", net.eval(), (randn(20, 1, dtype=torch.float32),), dynamic=(BATCH,), other=True)
    plain = seeded(lambda: nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)), False)
    write("guide_plain", plain, (randn(20, 1, dtype=torch.float32),), dynamic=(BATCH,))
    header, numbers = {}, b""
    for name, tensor in net.state_dict().items():
        bytes = tensor.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [len(numbers), len(numbers) + len(bytes)]}
        numbers += bytes
    header = json.dumps(header).encode()
    (folder / "guide.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + numbers)


@case
def convolutions():
    x = randn(4, 2, 6, 6)
    write("convolutions_train", seeded(Convolutions).train(), (x,), dynamic=(BATCH,), other=True)
    record_steps("convolutions_train", x)
    write("convolutions_eval", seeded(Convolutions).eval(), (x,), dynamic=(BATCH,), other=True)
    write("convolutions_decomposed", seeded(Convolutions).eval(), (x,), decompose=True)
    write("convolutions_decomposed_train", seeded(lambda: Convolutions(0.1)).train(), (x,), decompose=True,
          by_network=True)
    frozen = seeded(Convolutions).train()
    frozen.norm.eval()
    write("frozen", frozen, (x,), dynamic=(BATCH,), other=True)
    write("no_momentum", seeded(lambda: Convolutions(None)).eval(), (x,))


@case
def tokens():
    ids = torch.arange(15).reshape(3, 5) % 11
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
    shapes = {"input_ids": {0: Dim("batch", min=2, max=64)}, "attention_mask": {0: Dim("batch", min=2, max=64)}}
    for mode in (True, False):
        write("tokens_" + ("train" if mode else "eval"), seeded(Tokens).train(mode), (),
              {"input_ids": ids, "attention_mask": mask}, dynamic=shapes)
    write("causal_train", seeded(Causal).train(), (randn(2, 5, 8),), other=True)
    write("causal_eval", seeded(Causal).eval(), (randn(2, 5, 8),))


@case
def recurrent():
    class Recurrent(nn.Module):
        def __init__(self, kind, **options):
            super().__init__()
            self.rnn = kind(3, 4, 2, batch_first=True, dropout=0.3, **options)
            self.out = nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.rnn(x)[0][:, -1])

    for name, kind, options in [("lstm", nn.LSTM, {}), ("gru", nn.GRU, {}), ("rnn", nn.RNN, {}),
                                ("relu_rnn", nn.RNN, {"nonlinearity": "relu"})]:
        write(name, seeded(lambda: Recurrent(kind, **options)).train(), (randn(2, 5, 3),), other=True)


@case
def norms():
    class Norms(nn.Module):
        def __init__(self):
            super().__init__()
            self.instance = nn.InstanceNorm1d(4, affine=True, track_running_stats=True)
            self.plain = nn.InstanceNorm1d(4)
            self.untracked = nn.BatchNorm1d(4, track_running_stats=False)
            self.group = nn.GroupNorm(2, 4)
            self.rrelu = nn.RReLU()
            self.alpha = nn.AlphaDropout(0.2)
            self.feature = nn.Dropout1d(0.2)

        def forward(self, x):
            x = self.rrelu(self.untracked(self.plain(self.instance(x))))
            return self.feature(self.alpha(self.group(x)))

    write("norms_train", seeded(Norms).train(), (randn(3, 4, 5),), other=True)
    write("norms_eval", seeded(Norms).eval(), (randn(3, 4, 5),), other=True)


@case
def buffers():
    class Buffers(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.register_buffer("mean", torch.zeros(3))
            self.register_buffer("calls", torch.zeros((), dtype=torch.long))
            self.register_buffer("scale", torch.full((3,), 2.0), persistent=False)
            self.constant = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

        def forward(self, x):
            y = self.linear(x) * self.scale + self.constant + self.mean
            self.mean.mul_(0.9).add_(0.1 * x.mean(0))
            self.calls += 1
            return y * self.calls.to(y.dtype)

    class Views(nn.Module):
        """Writes buffers through views of them."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)
            self.register_buffer("rows", torch.zeros(2, 3))
            self.register_buffer("pairs", torch.zeros(4))
            self.register_buffer("read", torch.ones(3))

        def forward(self, x):
            self.rows[0].mul_(0.9).add_(x.mean(0))
            self.pairs.view(2, 2).split(1)[1].add_(1)
            copied = self.read.to(torch.float32).add_(1)
            return self.linear(x) * self.read[0] + self.rows.sum() + copied.sum()

    write("views", seeded(Views), (randn(4, 3),))
    write("buffers", seeded(Buffers), (randn(4, 3),))
    write("buffers_decomposed", seeded(Buffers), (randn(4, 3),), decompose=True, by_network=True)


@case
def control():
    class Cond(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda y: (self.a(y), y * 2), lambda y: (self.b(y), y - 1), (x,))

    class Modes(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            with torch.no_grad():
                y = self.a(x)
            with torch.autocast("cpu", torch.bfloat16):
                z = self.b(self.a(x) + y)
            return z.float(), y

    class Normalised(nn.Module):
        """Batch normalisation inside of graphs that are called."""

        def __init__(self):
            super().__init__()
            self.first, self.a, self.b = nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                x = self.a(self.first(x))
            with torch.no_grad():
                y = self.b(x.float())
            return x.float() + y

    class Branches(nn.Module):
        """Batch normalisation in both branches, one layer in each and one in both."""

        def __init__(self):
            super().__init__()
            self.yes, self.no, self.both = nn.BatchNorm1d(3), nn.BatchNorm1d(3), nn.BatchNorm1d(3)

        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda y: self.both(self.yes(y)), lambda y: self.both(self.no(y)), (x,))

    write("branches", seeded(Branches).eval(), (randn(4, 3),))
    for mode in ("train", "eval"):
        write(f"normalised_{mode}", seeded(Normalised, False).train(mode == "train"),
              (randn(4, 3, dtype=torch.float32),), other=True)
    write("cond", seeded(Cond), (randn(4, 3),), call=((randn(4, 3).abs(),), {}))
    write("cond_other", seeded(Cond), (-randn(4, 3).abs(),))
    write("modes", seeded(Modes, False), (randn(4, 3, dtype=torch.float32),))


@case
def loops():
    """Higher-order operations that run a graph several times."""
    from torch._higher_order_ops import map, scan, while_loop
    from torch._higher_order_ops.associative_scan import associative_scan_op

    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    class While(Layers):
        def forward(self, x):
            start = torch.zeros((), dtype=torch.long)
            count, y = while_loop(lambda k, y: (k < 5) & (y.abs().max() < 2), lambda k, y: (k + 1, y + self.a(y).tanh()),
                                  (start, x))
            return y, count

    class Plain(Layers):
        """While as a loop of Python: PyTorch 2.13 says that while_loop cannot be trained yet, and its gradients
        are others."""

        def forward(self, x):
            count, y = torch.zeros((), dtype=torch.long), x
            while count < 5 and y.abs().max() < 2:
                count, y = count + 1, y + self.a(y).tanh()
            return y, count

    class Scan(Layers):
        def forward(self, x):
            def step(state, one):
                state = torch.tanh(self.a(one) + self.b(state))
                return state, (state * 2, one.sum(-1))

            last, (states, sums) = scan(step, x.new_zeros(x.shape[1:]), x)
            return last, states, sums, scan(step, last, x, reverse=True, dim=0)[0]

    class Map(Layers):
        def forward(self, x):
            return map(lambda rows, by: (self.a(rows[0]) * by, rows[1].sum(0)), (x, x * 2), self.b.bias)

    class Associative(Layers):
        def forward(self, x):
            # torch.associative_scan writes this operation on GPUs alone.
            return associative_scan_op(lambda a, b, c, d: (a * c, b * c + d), (self.a(x).sigmoid(), self.b(x)), ())

    x = randn(4, 3)
    write("while", seeded(While), (x,), dynamic=(BATCH,), refused=True)
    record("while", seeded(Plain), (randn(5, 3),), {})
    write("while_none", seeded(While), (x + 9,), refused=True)
    record("while_none", seeded(Plain), (x + 9,), {})
    write("scan", seeded(Scan), (randn(4, 2, 3),))
    write("map", seeded(Map), (randn(4, 2, 3),))
    for length in (4, 7):
        write(f"associative_{length}", seeded(Associative), (randn(length, 3),))


@case
def vmapped():
    """torch.vmap inside of a network, which is part of the graph."""

    class Vmapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 4)
            self.experts = nn.Parameter(torch.randn(5, 4, 2))

        def forward(self, x):
            rows = torch.vmap(lambda row: self.linear(row).tanh(), in_dims=-1)(x.T)
            each = torch.vmap(lambda weight: rows @ weight, randomness="different")(self.experts)
            pairs = torch.vmap(torch.vmap(torch.dot, (None, 0)), (0, None))(x, x)
            constant = torch.vmap(lambda row: self.linear.bias)(x)
            return rows, each, pairs, constant

    write("vmapped", seeded(Vmapped), (randn(6, 3),))


@case
def sizes():
    class Sizes(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x, y):
            b, t = x.shape[0], x.shape[1]
            half = t - 1
            steps = torch.arange(t, dtype=x.dtype).view(1, t, 1)
            z = self.linear(x + steps)[:, 1:].reshape(b * half, 2)
            w = x.new_ones(b, 2) * t + y.sum() / (b + t - 1)
            return z, w, b * half % 7, t / 2

    class Unbacked(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            chosen = x[x[:, 0] > 0]
            n = x[0, 0].abs().mul(10).long().item() + 2
            torch._check(n >= 2)
            torch._check(n <= 100)
            return self.linear(chosen).sum(), torch.ones(n, dtype=x.dtype) * n

    shapes = ({0: Dim("b", min=2, max=50), 1: Dim("t", min=3, max=60)}, {0: Dim("b", min=2, max=50)})
    write("sizes", seeded(Sizes), (randn(3, 4, 2), randn(3)), dynamic=shapes,
          call=((randn(5, 7, 2), randn(5)), {}))
    class Derived(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x, y, n):
            return self.linear(x).sum() + y[1::2].sum() * n

    b = Dim("b", min=2, max=50)
    write("derived", seeded(Derived), (randn(3, 2), randn(7), 4),
          dynamic=({0: b}, {0: 2 * b + 1}, Dim.DYNAMIC), refused=True)
    write("unbacked", seeded(Unbacked), (randn(6, 2),))


@case
def inputs():
    class Inputs(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, pair, options, factor=2, mode="sum", mask=None, flag=True):
            x, (y, z) = pair
            out = self.linear(x) * factor + options["a"] - options["b"] * y + z
            return [out.sum() if mode == "sum" else out, {"raw": out, "none": None}]

    args = ((randn(3, 2), (randn(3, 2), randn(2))), {"a": randn(3, 2), "b": randn(1)})
    write("inputs", seeded(Inputs), args, {"factor": 3, "mode": "sum", "flag": False})


@case
def numbers():
    class Numbers(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            scores = self.linear(x).masked_fill(x > 0.5, float("-inf")).softmax(-1)
            spectrum = torch.fft.rfft(x)
            pooled = F.avg_pool2d(x.view(1, 1, -1, 4), 2)
            return scores, spectrum, pooled, torch.where(x > 0, 1.5, x), x.clamp(min=0) ** 2, x.to(torch.float32)

    write("numbers", seeded(Numbers), (randn(4, 4),))

    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3, dtype=torch.complex128))

        def forward(self, x):
            return (x.to(torch.complex128) @ self.weight).abs()

    write("complex", seeded(Complex, False), (randn(4, 4),))
    for name, dtype in [("bfloat16", torch.bfloat16), ("half", torch.float16)]:
        write(name, seeded(Mlp, False).to(dtype), (randn(6, 2, dtype=dtype),))


@case
def shared_memory():
    class Shared(nn.Module):  # where an operation may not write into its argument
        def forward(self, x, whole):
            row = x.view(-1)[:3]
            kept = torch.relu(x + 1)
            again = torch.relu(kept - 2)
            twice = torch.tanh(again * 2)
            wide = torch.relu(row + kept)
            spread = torch.relu((row * 2).expand(4, 3))
            halves = torch.sigmoid(whole + 1) + (whole + 2) * 0.5
            return torch.relu(x.view(-1)), kept, twice + twice, wide, spread, halves

    write("shared_memory", Shared(), (randn(4, 3), torch.arange(5)))


@case
def refusals():
    class Paths(nn.Module):  # stochastic depth
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            keep = x.new_empty(x.shape[0], 1).bernoulli_(0.8)
            return x + F.dropout(self.linear(x), 0.1, self.training) * keep

    write("paths", seeded(Paths).train(), (randn(4, 2),))

    @torch.library.custom_op("descent_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    torch.library.register_fake("descent_tests::twice", torch.empty_like)

    class Custom(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            return twice(self.linear(x))

    write("custom", seeded(Custom), (randn(4, 2),), refused=True)

    class Forward(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            return torch.func.jvp(self.linear, (x,), (x,))[1]

    write("jvp", seeded(Forward), (randn(4, 2),), refused=True)

    class Remainder(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            return 5 % self.linear(x)

    write("no_derivative", seeded(Remainder), (randn(4, 2),), decompose=True, refused=True)
    torch.save(seeded(Mlp).state_dict(), folder / "state_dict.pt")


@case
def layouts():
    """The files of older versions of PyTorch, made of one of today's."""
    write("layout", seeded(Convolutions).train(), (randn(4, 2, 6, 6),))
    (folder / "layout.pt2").rename(folder / "new.pt2")
    (folder / "layout.ref.pt").rename(folder / "layout_2.8.ref.pt")
    program = torch.export.load(folder / "new.pt2")
    with zipfile.ZipFile(folder / "new.pt2") as new:
        records = {name.split("/", 1)[1]: new.read(name) for name in new.namelist()}

    def saved(value):
        bytes = io.BytesIO()
        torch.save(value, bytes)
        return bytes.getvalue()

    weights, constants = saved(program.state_dict), saved({})
    with zipfile.ZipFile(folder / "layout_2.8.pt2", "w") as old:
        for name, bytes in records.items():
            if not name.startswith(("data/weights", "data/constants")):
                old.writestr(f"layout/{name}", bytes)
        old.writestr("layout/data/weights/model.pt", weights)
        old.writestr("layout/data/constants/model.pt", constants)
    with zipfile.ZipFile(folder / "layout_2.7.pt2", "w") as old:
        old.writestr("version", "8.5")
        old.writestr("serialized_exported_program.json", records["models/model.json"])
        old.writestr("serialized_state_dict.pt", weights)
        old.writestr("serialized_constants.pt", constants)
        old.writestr("serialized_example_inputs.pt", records["data/sample_inputs/model.pt"])
    torch.export.load(folder / "layout_2.7.pt2")  # Python takes it for one of its own
    (folder / "new.pt2").unlink()
    with open(folder / "layout_2.7.ref.pt", "wb") as copied:
        copied.write((folder / "layout_2.8.ref.pt").read_bytes())


folder.mkdir(parents=True, exist_ok=True)
if __name__ == "__main__":
    for name in sys.argv[2:] or cases:
        cases[name]()
