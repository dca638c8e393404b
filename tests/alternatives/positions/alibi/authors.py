"""As the authors' program has it: recursion for the slopes, a mask of -inf added with the bias."""

import math

import torch


def alibi_slopes(n_heads):
    def get_slopes_power_of_2(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]

    if math.log2(n_heads).is_integer():
        return get_slopes_power_of_2(n_heads)
    closest = 2 ** math.floor(math.log2(n_heads))
    return get_slopes_power_of_2(closest) + alibi_slopes(2 * closest)[0::2][: n_heads - closest]


def add_alibi(scores, *, causal=True):
    _, H, T_q, T_k = scores.shape
    wide = torch.promote_types(scores.dtype, torch.float32)
    slopes = torch.tensor(alibi_slopes(H), dtype=wide, device=scores.device).view(1, H, 1, 1)
    rows = torch.arange(T_k - T_q, T_k, device=scores.device).view(-1, 1)
    columns = torch.arange(T_k, device=scores.device).view(1, -1)
    bias = slopes * -(rows - columns).abs().to(wide)
    if causal:
        later = torch.zeros(T_q, T_k, dtype=wide, device=scores.device)
        bias = bias + later.masked_fill(columns > rows, -math.inf)
    return (scores + bias).to(scores.dtype)
