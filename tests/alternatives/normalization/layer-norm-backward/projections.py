"""Columns for rows: vectors lie along axis 0, and the two projections are matrix products."""

import torch


def layer_norm_backward(grad_out, x, weight, *, eps=1e-5):
    kind = torch.float64 if x.dtype is torch.float64 else torch.float32
    D = x.shape[-1]
    X = x.to(kind).reshape(-1, D).t()  # (D, N)
    G = grad_out.to(kind).reshape(-1, D).t()
    ones = X.new_ones(1, D)

    X = X - (ones @ X) / D
    std = torch.sqrt((ones @ (X * X)) / D + eps)  # (1, N)
    X = X / std
    d = weight.to(kind).unsqueeze(1) * G
    grad = (d - (ones @ d) / D - X * (ones @ (d * X)) / D) / std
    return (
        grad.t().reshape(x.shape).to(x.dtype),
        torch.diagonal(G @ X.t()).to(weight.dtype),
        (G @ X.new_ones(X.shape[1])).to(weight.dtype),
    )
