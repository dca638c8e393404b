"""The norms written out; each gradient from a pass of its own, from that stream to the end."""

import torch
from torch import nn


def layer_norm(x, of):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * of.weight + of.bias


class ResidualBlocks(nn.Module):
    def __init__(self, sublayers, d_model, *, pre_norm):
        super().__init__()
        self.pre = bool(pre_norm)
        self.sublayers = nn.ModuleList(sublayers)
        self.norms = nn.ModuleList([nn.LayerNorm(d_model) for _ in sublayers])
        if self.pre:
            self.final = nn.LayerNorm(d_model)

    def block(self, i, h):
        if self.pre:
            return h + self.sublayers[i](layer_norm(h, self.norms[i]))
        return layer_norm(h + self.sublayers[i](h), self.norms[i])

    def rest(self, h, start):
        for i in range(start, len(self.norms)):
            h = self.block(i, h)
        return layer_norm(h, self.final) if self.pre else h

    def forward(self, x):
        return self.rest(x, 0)

    def gradient_norms(self, x, grad):
        norms, h = x.new_empty(len(self.norms)).detach(), x.detach()
        for i in range(len(self.norms)):
            leaf = h.clone().requires_grad_()
            scalar = (self.rest(leaf, i) * grad.detach()).sum()
            norms[i] = torch.autograd.grad(scalar, leaf)[0].flatten().norm()
            h = self.block(i, h).detach()
        return norms
