"""Drop ignored rows first; nothing that is left needs a mask."""

import torch


def cross_entropy(logits, targets, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(reduction)
    V = logits.shape[1]
    rows = logits.transpose(0, 1).reshape(V, -1).t()  # (N * ..., V)
    flat = targets.reshape(-1)
    where = torch.nonzero(flat != ignore_index).squeeze(1)
    t = flat[where]
    if t.numel() and (t.min() < 0 or t.max() >= V):
        raise ValueError(f"targets run from {t.min()} to {t.max()}, classes from 0 to {V - 1}")

    z = rows[where]
    z = z.float() if z.dtype in (torch.float16, torch.bfloat16) else z
    m = torch.amax(z, 1)
    lse = m + torch.sum(torch.exp(z - m[:, None]), 1).log()
    loss = lse - z[torch.arange(len(t)), t]
    if label_smoothing != 0:
        loss = torch.lerp(loss, lse - z.mean(1), label_smoothing)

    if reduction == "none":
        return z.new_zeros(flat.shape).index_add(0, where, loss).reshape(targets.shape)
    total = loss.sum()
    return total if reduction == "sum" else total / max(len(t), 1)
