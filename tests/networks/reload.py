"""Records anew what Python makes of files that descent saved: reload.py FOLDER NAME..."""
import pathlib
import sys
import warnings

import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
for name in sys.argv[2:]:
    program = torch.export.load(folder / f"{name}.pt2")
    module = program.module()
    recorded = torch.load(folder / f"{name}.ref.pt")
    inputs = [x.clone() for x in recorded["inputs"]]
    names = program.graph_signature.user_inputs
    args, kwargs = program.example_inputs
    torch.manual_seed(7)
    outputs = module(**dict(zip(kwargs, inputs))) if kwargs else module(*inputs)
    outputs = [x for x in torch.utils._pytree.tree_leaves(outputs) if x is not None]
    loss = sum((x.double() * torch.cos(torch.arange(x.numel(), dtype=torch.float64)).reshape(x.shape)).mean()
               for x in outputs if x.is_floating_point())
    loss.backward()
    torch.save({"inputs": recorded["inputs"], "outputs": [x.detach().clone() for x in outputs],
                "grads": {k: v.grad for k, v in module.named_parameters(remove_duplicate=False)
                          if v.grad is not None},
                "buffers": {k: v.clone() for k, v in module.named_buffers(remove_duplicate=False)}},
               folder / f"{name}.ref.pt")
    (folder / f"{name}.other.ref.pt").unlink(missing_ok=True)
