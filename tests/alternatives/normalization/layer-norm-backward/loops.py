"""One vector at a time, through the gradients of the mean and of the variance by name."""

import torch


def layer_norm_backward(grad_out, x, weight, *, eps=1e-5):
    acc = torch.float64 if x.dtype == torch.float64 else torch.float32
    width = x.shape[-1]
    xs, gs = x.reshape(-1, width).to(acc), grad_out.reshape(-1, width).to(acc)
    w = weight.to(acc)
    grad_x = torch.zeros_like(xs)
    grad_weight, grad_bias = torch.zeros(width, dtype=acc), torch.zeros(width, dtype=acc)

    for i in range(len(xs)):
        mean = xs[i].sum() / width
        offset = xs[i] - mean
        var = (offset * offset).sum() / width
        std = torch.sqrt(var + eps)
        n = offset / std

        dn = gs[i] * w
        dvar = (dn * offset).sum() * -0.5 / std**3
        dmean = -dn.sum() / std - 2 * dvar * offset.sum() / width
        grad_x[i] = dn / std + dvar * 2 * offset / width + dmean / width
        grad_weight += gs[i] * n
        grad_bias += gs[i]
    return (
        grad_x.view(x.shape).to(x.dtype),
        grad_weight.to(weight.dtype),
        grad_bias.to(weight.dtype),
    )
