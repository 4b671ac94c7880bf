"""Writes the files of this folder: state_dicts as schedulefree, prodigyopt, lion-pytorch and timm write
them, with the way that the training went on. The packages themselves are not used: the classes here do
what theirs do, key by key and number by number, after their sources.

  make.py FOLDER    FOLDER/NAME.pt: "optimizer" after 4 steps, and "ways", all parameters one after
      another ahead of each of 8 steps and after the last
"""

import math
import os
import sys
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch  # noqa: E402

STEPS, MIDDLE = 8, 4
SHAPES = [(4, 3), (5,), (2, 2)]  # the last is a group of its own


def parameters():
    count, made = 0, []
    for shape in SHAPES:
        n = torch.Size(shape).numel()
        numbers = torch.arange(count, count + n, dtype=torch.float64)
        made.append((0.3 * numbers + 0.4).sin().reshape(shape).requires_grad_())
        count += n
    return made


def flat(params):
    return torch.cat([p.detach().reshape(-1) for p in params])


def set_gradients(params, t):
    first = 0
    for p in params:
        i = torch.arange(first, first + p.numel(), dtype=torch.float64).reshape(p.shape)
        x = p.detach()
        p.grad = (1 + 0.5 * i) * x + 0.3 * (2 * x).sin() + 0.2 * (1.3 * t + 0.7 * i).sin()
        first += p.numel()


class Base(torch.optim.Optimizer):
    def __init__(self, params, **defaults):
        super().__init__(params, {**self.DEFAULTS, **defaults})

    def each(self, *buffers):
        """(group, parameter, gradient, state) of all, with buffers of zeros where there is no state."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                for name in buffers:
                    if name not in state:
                        state[name] = torch.zeros_like(p)
                yield group, p, p.grad.clone(), state


class AdamWScheduleFree(Base):
    DEFAULTS = dict(lr=0.0025, betas=(0.9, 0.999), eps=1e-8, r=0.0, k=0, warmup_steps=0, train_mode=True,
                    weight_sum=0.0, lr_max=-1.0, scheduled_lr=0.0, weight_lr_power=2.0, weight_decay=0,
                    foreach=True)

    def rate(self, group, k):
        warmup = group["warmup_steps"]
        return group["lr"] * (k / warmup if k <= warmup else 1.0)

    def direction(self, group, g, state):
        b2, k = group["betas"][1], group["k"]
        v = state.setdefault("exp_avg_sq", torch.zeros_like(g))
        v.mul_(b2).add_((1 - b2) * g * g)
        return g / ((v / (1 - b2 ** k)).sqrt() + group["eps"])

    def b1(self, group):
        return group["betas"][0]

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["k"] += 1
            lr = group["scheduled_lr"] = self.rate(group, group["k"])
            group["lr_max"] = max(lr, group["lr_max"])
            weight = group["k"] ** group["r"] * group["lr_max"] ** group["weight_lr_power"]
            group["weight_sum"] += weight
            c = weight / group["weight_sum"] if group["weight_sum"] else 0
            for p in group["params"]:
                state = self.state[p]
                if "z" not in state:
                    state["z"] = p.clone()
                d = self.direction(group, p.grad, state) + group["weight_decay"] * p
                p.lerp_(state["z"], c)
                p.add_(d, alpha=lr * (self.b1(group) * (1 - c) - 1))
                state["z"].sub_(d, alpha=lr)


class SGDScheduleFree(AdamWScheduleFree):
    DEFAULTS = dict(lr=1.0, momentum=0.9, r=0.0, k=0, warmup_steps=0, train_mode=True, weight_sum=0.0,
                    lr_max=-1.0, scheduled_lr=0.0, weight_lr_power=2, weight_decay=0, foreach=True)

    def direction(self, group, g, state):
        return g

    def b1(self, group):
        return group["momentum"]


class RAdamScheduleFree(AdamWScheduleFree):
    DEFAULTS = dict(lr=0.0025, betas=(0.9, 0.999), eps=1e-8, r=0.0, k=0, train_mode=True, weight_sum=0.0,
                    lr_max=-1.0, scheduled_lr=0.0, weight_lr_power=2.0, weight_decay=0, foreach=True,
                    silent_sgd_phase=True)

    def rho(self, group, k):
        b2 = group["betas"][1]
        end = 2 / (1 - b2) - 1
        return end - 2 * k * b2 ** k / (1 - b2 ** k), end

    def rate(self, group, k):
        rho, end = self.rho(group, k)
        if rho <= 4:
            return group["lr"] * (not group["silent_sgd_phase"])
        return group["lr"] * math.sqrt((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho))

    def direction(self, group, g, state):
        d = super().direction(group, g, state)
        return d if self.rho(group, group["k"])[0] > 4 else g


class Prodigy(Base):
    DEFAULTS = dict(lr=1.0, betas=(0.9, 0.999), beta3=None, eps=1e-8, weight_decay=0, d=1e-6, d0=1e-6,
                    d_max=1e-6, d_numerator=0.0, d_coef=1.0, k=0, growth_rate=float("inf"),
                    use_bias_correction=False, decouple=True, safeguard_warmup=False, fsdp_in_use=False,
                    slice_p=1)

    def __init__(self, params, **options):
        super().__init__(params, **options, d=options["d0"], d_max=options["d0"])

    @torch.no_grad()
    def step(self):
        one = self.param_groups[0]
        (b1, b2), k, d = one["betas"], one["k"] + 1, one["d"]
        b3 = math.sqrt(b2) if one["beta3"] is None else one["beta3"]
        rate = d * one["lr"]
        if one["use_bias_correction"]:
            rate *= math.sqrt(1 - b2 ** k) / (1 - b1 ** k)
        numerator, denominator = b3 * one["d_numerator"], 0.0
        for group in self.param_groups:
            for p in group["params"]:
                state, g = self.state[p], p.grad
                if not state:
                    state["step"] = 0
                    state["s"] = torch.zeros_like(p.flatten())
                    state["p0"] = p.flatten().clone() if p.any() else torch.tensor(0, dtype=p.dtype)
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
                along = torch.dot(g.flatten(), state["p0"] - p.flatten()).item()
                numerator += d / group["d0"] * rate * along
                state["exp_avg"].mul_(b1).add_(g, alpha=d * (1 - b1))
                state["exp_avg_sq"].mul_(b2).addcmul_(g, g, value=d * d * (1 - b2))
                scale = d if group["safeguard_warmup"] else rate
                state["s"].mul_(b3).add_(g.flatten(), alpha=d / group["d0"] * scale)
                denominator += state["s"].abs().sum().item()
        found = one["d_coef"] * numerator / denominator
        new = max(d, found) if d == one["d0"] else d
        largest = max(one["d_max"], found)
        new = min(largest, new * one["growth_rate"])
        for group in self.param_groups:
            group.update(d=new, d_max=largest, d_numerator=numerator, d_denom=denominator, d_hat=found, k=k)
            for p in group["params"]:
                state = self.state[p]
                state["step"] += 1
                denom = state["exp_avg_sq"].sqrt() + new * group["eps"]
                p.sub_(p, alpha=group["weight_decay"] * rate)
                p.addcdiv_(state["exp_avg"], denom, value=-rate)


class LionOfLucidrains(Base):
    DEFAULTS = dict(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("exp_avg"):
            b1, b2 = group["betas"]
            g = -g if group.get("maximize") else g
            scale = group["lr"] / group["max_lr_snapshot"] if group.get("corrected_weight_decay") else 1
            p.mul_(1 - group["lr"] * scale * group["weight_decay"])
            u = (b1 * state["exp_avg"] + (1 - b1) * g).sign()
            p.sub_(masked(u, g) if group.get("caution") else u, alpha=group["lr"])
            state["exp_avg"].mul_(b2).add_(g, alpha=1 - b2)


def masked(u, g):
    mask = (u * g > 0).to(g.dtype)
    return u * mask / mask.mean().clamp(min=1e-3)


class LionOfTimm(LionOfLucidrains):
    DEFAULTS = dict(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, caution=False, corrected_weight_decay=False,
                    max_lr_snapshot=None, foreach=None, maximize=False)


class Lamb(Base):
    DEFAULTS = dict(lr=1e-3, bias_correction=True, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01,
                    grad_averaging=True, max_grad_norm=1.0, trust_clip=False, always_adapt=False,
                    caution=False, decoupled_decay=False, corrected_weight_decay=False, max_lr_snapshot=None,
                    foreach=None)

    @torch.no_grad()
    def step(self):
        norm = torch.cat([p.grad.flatten() for g in self.param_groups for p in g["params"]]).norm()
        for group in self.param_groups:
            group["step"] = group.get("step", torch.tensor(0.0)) + 1
        for group, p, g, state in self.each("exp_avg", "exp_avg_sq"):
            (b1, b2), t, lr = group["betas"], group["step"].item(), group["lr"]
            if group["max_grad_norm"] is not None:
                g = g / (norm / group["max_grad_norm"]).clamp(min=1)
            state["exp_avg"].mul_(b1).add_(g, alpha=1 - b1 if group["grad_averaging"] else 1)
            state["exp_avg_sq"].mul_(b2).addcmul_(g, g, value=1 - b2)
            c1, c2 = (1 - b1 ** t, 1 - b2 ** t) if group["bias_correction"] else (1, 1)
            u = state["exp_avg"] / c1 / (state["exp_avg_sq"].sqrt() / math.sqrt(c2) + group["eps"])
            if group["decoupled_decay"]:
                p.mul_(1 - lr * group["weight_decay"])
            else:
                u += group["weight_decay"] * p
            if group["weight_decay"] != 0 or group["always_adapt"]:
                ratio = p.norm() / u.norm()
                u *= ratio.clamp(max=1) if group["trust_clip"] else ratio
            p.sub_(u, alpha=lr)


class NAdamW(Base):
    DEFAULTS = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, caution=False,
                    corrected_weight_decay=False, max_lr_snapshot=None, clipping_threshold=None, foreach=None,
                    maximize=False, capturable=False)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("exp_avg", "exp_avg_sq"):
            (b1, b2), lr = group["betas"], group["lr"]
            g = -g if group["maximize"] else g
            t = state["step"] = state.get("step", torch.tensor(0.0)) + 1
            t = t.item()
            p.mul_(1 - lr * group["weight_decay"])
            state["exp_avg"].mul_(b1).add_(g, alpha=1 - b1)
            state["exp_avg_sq"].mul_(b2).addcmul_(g, g, value=1 - b2)
            m = b1 * state["exp_avg"] + (1 - b1) * g
            m = masked(m, g) if group["caution"] else m
            denom = state["exp_avg_sq"].sqrt() / math.sqrt(1 - b2 ** t) + group["eps"]
            p.addcdiv_(m, denom, value=-lr / (1 - b1 ** t))


class Adan(Base):
    DEFAULTS = dict(lr=1e-3, betas=(0.98, 0.92, 0.99), eps=1e-8, weight_decay=0.0, no_prox=False,
                    caution=False, foreach=None)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["step"] = group.get("step", 0) + 1
        for group, p, g, state in self.each("exp_avg", "exp_avg_sq", "exp_avg_diff"):
            (b1, b2, b3), t, lr = group["betas"], group["step"], group["lr"]
            change = g + state.setdefault("neg_pre_grad", -g)
            state["exp_avg"].mul_(b1).add_(g, alpha=1 - b1)
            state["exp_avg_diff"].mul_(b2).add_(change, alpha=1 - b2)
            both = g + b2 * change
            state["exp_avg_sq"].mul_(b3).addcmul_(both, both, value=1 - b3)
            denom = state["exp_avg_sq"].sqrt() / math.sqrt(1 - b3 ** t) + group["eps"]
            if group["no_prox"]:
                p.mul_(1 - lr * group["weight_decay"])
            p.addcdiv_(state["exp_avg"], denom, value=-lr / (1 - b1 ** t))
            p.addcdiv_(state["exp_avg_diff"], denom, value=-lr * b2 / (1 - b2 ** t))
            if not group["no_prox"]:
                p.div_(1 + lr * group["weight_decay"])
            state["neg_pre_grad"] = -g


class Adopt(Base):
    DEFAULTS = dict(lr=1e-3, betas=(0.9, 0.9999), eps=1e-6, weight_decay=0.0, clip_exp=0.333,
                    decoupled=False, corrected_weight_decay=False, max_lr_snapshot=None, caution=False,
                    maximize=False, foreach=None, capturable=False, differentiable=False)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("exp_avg", "exp_avg_sq"):
            (b1, b2), lr = group["betas"], group["lr"]
            g = -g if group["maximize"] else g
            t = state["step"] = state.get("step", torch.tensor(0.0)) + 1
            t = t.item()
            if not group["decoupled"]:
                g = g + group["weight_decay"] * p
            if t == 1:
                state["exp_avg_sq"].addcmul_(g, g)
                continue
            if group["decoupled"]:
                p.mul_(1 - lr * group["weight_decay"])
            n = g / state["exp_avg_sq"].sqrt().clamp(min=group["eps"])
            if group["clip_exp"] is not None:
                bound = (t - 1) ** group["clip_exp"]
                n = n.clamp(-bound, bound)
            state["exp_avg"].lerp_(n, 1 - b1)
            p.sub_(state["exp_avg"], alpha=lr)
            state["exp_avg_sq"].mul_(b2).addcmul_(g, g, value=1 - b2)


class AdaBelief(Base):
    DEFAULTS = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-16, weight_decay=0, amsgrad=False,
                    degenerated_to_sgd=True, decoupled_decay=True, rectify=True, fixed_decay=False, foreach=None)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("exp_avg", "exp_avg_var", *["max_exp_avg_var"] * self.amsgrad()):
            (b1, b2), lr, eps = group["betas"], group["lr"], group["eps"]
            t = state["step"] = state.get("step", 0) + 1
            if group["decoupled_decay"]:
                p.mul_(1 - (1 if group["fixed_decay"] else lr) * group["weight_decay"])
            else:
                g = g + group["weight_decay"] * p
            state["exp_avg"].lerp_(g, 1 - b1)
            apart = g - state["exp_avg"]
            v = state["exp_avg_var"].mul_(b2).addcmul_(apart, apart, value=1 - b2).add_(eps)
            c1, c2 = 1 - b1 ** t, 1 - b2 ** t
            if group["amsgrad"]:
                v = torch.max(state["max_exp_avg_var"], v, out=state["max_exp_avg_var"])
            if not group["rectify"]:
                p.addcdiv_(state["exp_avg"], v.sqrt() / math.sqrt(c2) + eps, value=-lr / c1)
                continue
            end = 2 / (1 - b2) - 1
            rho = end - 2 * t * b2 ** t / c2
            if rho >= 5:
                size = math.sqrt(c2 * (rho - 4) / (end - 4) * (rho - 2) / rho * end / (end - 2)) / c1
                p.addcdiv_(state["exp_avg"], state["exp_avg_var"].sqrt() + eps, value=-size * lr)
            elif group["degenerated_to_sgd"]:
                p.add_(state["exp_avg"], alpha=-lr / c1)

    def amsgrad(self):
        return self.defaults["amsgrad"]


class LaProp(Base):
    DEFAULTS = dict(lr=4e-4, betas=(0.9, 0.999), eps=1e-15, weight_decay=0.0, caution=False,
                    corrected_weight_decay=False, max_lr_snapshot=None, foreach=None)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("exp_avg", "exp_avg_sq"):
            (b1, b2), lr = group["betas"], group["lr"]
            state["step"] = state.get("step", torch.tensor(0.0)) + 1
            state["exp_avg_lr_1"] = state.get("exp_avg_lr_1", 0.0) * b1 + (1 - b1) * lr
            state["exp_avg_lr_2"] = state.get("exp_avg_lr_2", torch.tensor(0.0, dtype=g.dtype)) * b2 + (1 - b2)
            state["exp_avg_sq"].mul_(b2).addcmul_(g, g, value=1 - b2)
            n = g / ((state["exp_avg_sq"] / state["exp_avg_lr_2"]).sqrt() + group["eps"])
            state["exp_avg"].mul_(b1).add_(n, alpha=lr * (1 - b1))
            p.sub_(state["exp_avg"], alpha=lr / state["exp_avg_lr_1"])


class Lars(Base):
    DEFAULTS = dict(lr=1.0, momentum=0, dampening=0, weight_decay=0, nesterov=False, trust_coeff=0.001, eps=1e-8,
                    trust_clip=False, always_adapt=False, foreach=None)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each():
            lr, wd, mu = group["lr"], group["weight_decay"], group["momentum"]
            w, q = p.norm(), g.norm()
            ratio = group["trust_coeff"] * w / (q + w * wd + group["eps"])
            ratio = (ratio / lr).clamp(max=1) if group["trust_clip"] else ratio
            if wd != 0 or group["always_adapt"]:
                g = (g + wd * p) * ratio
            if mu != 0:
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = g.clone()
                else:
                    state["momentum_buffer"].mul_(mu).add_(g, alpha=1 - group["dampening"])
                g = g + mu * state["momentum_buffer"] if group["nesterov"] else state["momentum_buffer"]
            p.sub_(g, alpha=lr)


class MADGRAD(Base):
    DEFAULTS = dict(lr=1e-2, eps=1e-6, momentum=0.9, weight_decay=0, decoupled_decay=False)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("grad_sum_sq", "s"):
            eps, mu = group["eps"], group["momentum"]
            if "step" not in state and mu != 0:
                state["x0"] = p.clone()
            state["step"] = state.get("step", 0) + 1
            weight = (group["lr"] + eps) * math.sqrt(state["step"])
            g = g + group["weight_decay"] * p
            x0 = state["x0"] if mu != 0 else p + state["s"] / (state["grad_sum_sq"].pow(1 / 3) + eps)
            state["grad_sum_sq"].addcmul_(g, g, value=weight)
            state["s"].add_(g, alpha=weight)
            z = x0 - state["s"] / (state["grad_sum_sq"].pow(1 / 3) + eps)
            p.mul_(mu).add_(z, alpha=1 - mu)


class NvNovoGrad(Base):
    DEFAULTS = dict(lr=1e-3, betas=(0.95, 0.98), eps=1e-8, weight_decay=0, grad_averaging=False, amsgrad=False,
                    decoupled_decay=False, corrected_weight_decay=False, max_lr_snapshot=None)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each("exp_avg"):
            b1, b2 = group["betas"]
            state["step"] = state.get("step", 0) + 1
            n = g.pow(2).sum()
            v = state["exp_avg_sq"] = b2 * state["exp_avg_sq"] + (1 - b2) * n if "exp_avg_sq" in state else n
            if group["amsgrad"]:
                v = state["max_exp_avg_sq"] = torch.max(state.get("max_exp_avg_sq", torch.zeros_like(n)), v)
            u = g / (v.sqrt() + group["eps"])
            if group["decoupled_decay"]:
                p.mul_(1 - group["lr"] * group["weight_decay"])
            else:
                u = u + group["weight_decay"] * p
            state["exp_avg"].mul_(b1).add_(u, alpha=1 - b1 if group["grad_averaging"] else 1)
            p.sub_(state["exp_avg"], alpha=group["lr"])


class RMSpropTF(Base):
    DEFAULTS = dict(lr=1e-2, momentum=0.0, alpha=0.9, eps=1e-10, centered=False, weight_decay=0,
                    decoupled_decay=False, corrected_weight_decay=False, max_lr_snapshot=None,
                    lr_in_momentum=True, caution=False, foreach=None)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each(*["momentum_buffer", "grad_avg"] * self.defaults["centered"]):
            lr, w, mu = group["lr"], 1 - group["alpha"], group["momentum"]
            state["step"] = state.get("step", torch.tensor(0.0)) + 1
            v = state.setdefault("square_avg", torch.ones_like(p))
            if group["decoupled_decay"]:
                p.mul_(1 - lr * group["weight_decay"])
            else:
                g = g + group["weight_decay"] * p
            v.add_(g.pow(2) - v, alpha=w)
            if group["centered"]:
                state["grad_avg"].add_(g - state["grad_avg"], alpha=w)
                v = v - state["grad_avg"].pow(2)
            u = g / (v + group["eps"]).sqrt()
            if mu > 0:
                u = state["momentum_buffer"].mul_(mu).add_(u, alpha=lr if group["lr_in_momentum"] else 1)
                p.sub_(u, alpha=1 if group["lr_in_momentum"] else lr)
            else:
                p.sub_(u, alpha=lr)


class SGDW(Base):
    DEFAULTS = dict(lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, caution=False,
                    corrected_weight_decay=False, max_lr_snapshot=None, maximize=False, foreach=None,
                    differentiable=False)

    @torch.no_grad()
    def step(self):
        for group, p, g, state in self.each():
            lr, mu = group["lr"], group["momentum"]
            g = -g if group["maximize"] else g
            p.mul_(1 - lr * group["weight_decay"])
            buffer = state.get("momentum_buffer")
            if mu != 0:
                buffer = g.clone() if buffer is None else buffer.mul_(mu).add_(g, alpha=1 - group["dampening"])
                g = g + mu * buffer if group["nesterov"] else buffer
            state["momentum_buffer"] = buffer
            p.sub_(g, alpha=lr)


# The options of all groups, and those of the second group.
CASES = {
    "schedule_free_adamw": (AdamWScheduleFree, dict(lr=0.05, weight_decay=0.1, warmup_steps=6, r=0.5), dict(lr=0.02)),
    "schedule_free_sgd": (SGDScheduleFree, dict(lr=0.05, momentum=0.8, weight_decay=0.1, warmup_steps=3), dict(lr=0.02)),
    "schedule_free_radam": (RAdamScheduleFree, dict(lr=0.05, betas=(0.9, 0.99), silent_sgd_phase=False),
                            dict(weight_decay=0.1)),
    "prodigy": (Prodigy, dict(d0=1e-3, use_bias_correction=True, growth_rate=2.0), dict(weight_decay=0.1)),
    "lion": (LionOfLucidrains, dict(lr=0.02, weight_decay=0.1), dict(betas=(0.8, 0.9))),
    "lion.timm": (LionOfTimm, dict(lr=0.02, caution=True),
                  dict(maximize=True, caution=False, weight_decay=0.3, corrected_weight_decay=True,
                       max_lr_snapshot=0.05)),
    "lamb": (Lamb, dict(lr=0.02, trust_clip=True), dict(weight_decay=0.1, decoupled_decay=True)),
    "nadamw": (NAdamW, dict(lr=0.02), dict(weight_decay=0.1, caution=True)),
    "adan": (Adan, dict(lr=0.02, weight_decay=0.1), dict(no_prox=True)),
    "adopt": (Adopt, dict(lr=0.02, weight_decay=0.1), dict(decoupled=True, clip_exp=None)),
    "adabelief": (AdaBelief, dict(lr=0.02, weight_decay=0.1, amsgrad=True, betas=(0.9, 0.9)),
                  dict(rectify=False, decoupled_decay=False)),
    "laprop": (LaProp, dict(lr=0.02), dict(betas=(0.8, 0.9))),
    "lars": (Lars, dict(lr=0.5, momentum=0.9, weight_decay=0.1, trust_coeff=0.05),
             dict(nesterov=True, weight_decay=0, always_adapt=True)),
    "madgrad": (MADGRAD, dict(lr=0.02, weight_decay=0.1), dict(momentum=0)),
    "novograd": (NvNovoGrad, dict(lr=0.02, weight_decay=0.1, amsgrad=True),
                 dict(decoupled_decay=True, grad_averaging=True)),
    "rmsprop.timm": (RMSpropTF, dict(lr=0.02, momentum=0.9, centered=True, weight_decay=0.1),
                     dict(lr_in_momentum=False, decoupled_decay=True)),
    "sgd.timm": (SGDW, dict(lr=0.02, momentum=0.9, weight_decay=0.1, nesterov=True),
                 dict(momentum=0.0, nesterov=False, maximize=True)),
}

if __name__ == "__main__":
    for name, (kind, options, second) in CASES.items():
        params = parameters()
        opt = kind([dict(params=params[:2]), dict(params=params[2:], **second)], **options)
        ways, middle = [flat(params)], None
        for t in range(1, STEPS + 1):
            set_gradients(params, t)
            opt.step()
            ways.append(flat(params))
            if t == MIDDLE:
                file = os.path.join(sys.argv[1], name + ".middle")
                torch.save(opt.state_dict(), file)  # a copy, since the next step goes on
                middle = torch.load(file, weights_only=True)
                os.remove(file)
        torch.save({"optimizer": middle, "ways": torch.stack(ways)}, os.path.join(sys.argv[1], name + ".pt"))
