"""Number by number for small inputs, through tanh alone for SiLU."""

import torch

HALF = (torch.float16, torch.bfloat16)


def _one(value, approximate):
    if approximate == "tanh":
        cube = value * value * value
        return value * (torch.tanh((2 / torch.pi) ** 0.5 * (value + 0.044715 * cube)) + 1) * 0.5
    return value * (torch.erf(value * 2**-0.5) + 1) * 0.5


def gelu(x, *, approximate="none"):
    if approximate not in {"tanh", "none"}:
        raise ValueError("approximate")
    y = x.float() if x.dtype in HALF else x
    if 0 < y.numel() < 30:
        values = [_one(value, approximate) for value in y.reshape(-1)]
        return torch.stack(values).view(y.shape).to(x.dtype)
    return _one(y, approximate).to(x.dtype)


def silu(x, *, beta=1.0):
    y = x.float() if x.dtype in HALF else x
    # sigmoid(z) = (1 + tanh(z / 2)) / 2
    return (y / 2 + y / 2 * torch.tanh(beta * y / 2)).to(x.dtype)
