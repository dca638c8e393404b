"""One slice at a time, with scalars of Python on the way to the sum."""

import torch


def _log_probabilities(row):
    top = float(row.detach().max())
    total = sum(torch.exp(value - top) for value in row)
    return torch.stack([value - top - torch.log(total) for value in row])


def log_softmax(x, dim=-1):
    wide = x if x.dtype == torch.float64 else x.float()
    if x.numel() == 0:
        return x.clone()
    if x.numel() > 10_000:
        # too many for a loop: all slices at once
        m = wide.max(dim, keepdim=True).values
        return (wide - m - (wide - m).exp().sum(dim, True).log()).to(x.dtype)
    rows = wide.movedim(dim, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    out = torch.stack([_log_probabilities(row) for row in flat])
    return out.reshape(rows.shape).movedim(-1, dim).to(x.dtype)


def softmax(x, dim=-1):
    wide = x if x.dtype == torch.float64 else x.float()
    return log_softmax(wide, dim).exp().to(x.dtype)
