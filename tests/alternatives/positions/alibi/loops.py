"""Head by head and row by row."""

import torch


def alibi_slopes(n_heads):
    power = 1
    while power * 2 <= n_heads:
        power *= 2
    ratio, finer = 0.5 ** (8 / power), 0.5 ** (4 / power)
    slopes, slope = [], 1.0
    for _ in range(power):
        slope *= ratio
        slopes.append(slope)
    for extra in range(n_heads - power):
        slopes.append(finer ** (2 * extra + 1))
    return slopes


def add_alibi(scores, *, causal=True):
    T_q, T_k = scores.shape[-2:]
    keys = torch.arange(T_k, device=scores.device, dtype=torch.float64)
    heads = []
    for h, slope in enumerate(alibi_slopes(scores.shape[1])):
        rows = []
        for i in range(T_q):
            place = i + T_k - T_q
            row = scores[:, h, i].double() - slope * (keys - place).abs()
            if causal:
                row = torch.where(keys > place, -torch.inf, row)
            rows.append(row)
        heads.append(torch.stack(rows, dim=1))
    return torch.stack(heads, dim=1).to(scores.dtype)
