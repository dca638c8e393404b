"""One scale and one shift for each channel, in float64; averages move by their difference."""

import torch


def batch_norm(x, weight, bias, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    columns = x.double().transpose(0, 1).flatten(1) if training else None  # (C, n)
    if columns is not None:
        n = columns.size(1)
        if n < 2:
            raise ValueError(n)
        mean = columns.mean(1)
        var = torch.einsum("cn,cn->c", columns - mean[:, None], columns - mean[:, None]) / n
        running_mean += momentum * (mean.detach() - running_mean)
        running_var += momentum * (var.detach() * n / (n - 1) - running_var)
    else:
        mean, var = running_mean.double(), running_var.double()
    scale = weight * torch.rsqrt(var + eps)
    shift = bias - mean * scale
    y = torch.einsum("nc...,c->n...c", x.double(), scale) + shift
    return y.movedim(-1, 1).to(x.dtype)
