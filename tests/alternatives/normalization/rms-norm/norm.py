"""By the vector norm, since sqrt(mean(x^2)) = |x| / sqrt(D)."""

import torch
from torch.linalg import vector_norm


def rms_norm(x, weight, *, eps=1e-6):
    kind = torch.float64 if x.dtype is torch.float64 else torch.float32
    length = vector_norm(x, dim=-1, keepdim=True, dtype=kind)
    denominator = (length**2 / x.size(-1) + eps) ** 0.5
    return torch.div(weight.to(kind) * x.to(kind), denominator).type_as(x)
