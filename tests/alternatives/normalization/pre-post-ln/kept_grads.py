"""A whole backward pass, after which the gradients of before are put back."""

import torch
from torch import nn


class ResidualBlocks(nn.Module):
    def __init__(self, sublayers, d_model, *, pre_norm):
        super().__init__()
        self.sublayers = nn.ModuleList(list(sublayers))
        self.norms = nn.ModuleList([nn.LayerNorm(d_model, eps=1e-5) for _ in self.sublayers])
        if pre_norm:
            self.final = nn.LayerNorm(d_model, eps=1e-5)
            self.step = lambda h, f, n: h + f(n(h))
        else:
            self.final = nn.Identity()
            self.step = lambda h, f, n: n(h + f(h))

    def forward(self, x):
        h = x
        for f, n in zip(self.sublayers, self.norms, strict=True):
            h = self.step(h, f, n)
        return self.final(h)

    def gradient_norms(self, x, grad):
        before = [(p, p.grad) for p in self.parameters()]
        for p, _ in before:
            p.grad = None
        kept, h = [], x.detach().clone().requires_grad_(True)
        for f, n in zip(self.sublayers, self.norms, strict=True):
            h.retain_grad()
            kept.append(h)
            h = self.step(h, f, n)
        (self.final(h) * grad.detach()).sum().backward()
        for p, old in before:
            p.grad = old
        return torch.tensor([torch.linalg.vector_norm(k.grad).item() for k in kept], dtype=x.dtype)
