"""Centre by a matrix, sum of squares by einsum."""

import torch


def layer_norm(x, weight, bias, *, eps=1e-5):
    kind = torch.float64
    D = x.size(-1)
    centring = torch.eye(D, dtype=kind, device=x.device) - 1 / D
    c = x.to(kind) @ centring
    scale = (torch.einsum("...d,...d->...", c, c) / D + eps) ** -0.5
    return (torch.einsum("...d,...,d->...d", c, scale, weight.to(kind)) + bias).to(x.dtype)
