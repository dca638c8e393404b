"""One vector of biases by distance, read through a window for each query."""

import torch


def alibi_slopes(n_heads):
    low = 1 << (n_heads.bit_length() - 1)
    exponents = [8 * (h + 1) / low for h in range(low)]
    exponents += [8 * (2 * h + 1) / (2 * low) for h in range(n_heads - low)]
    return [2**-e for e in exponents]


def add_alibi(scores, *, causal=True):
    _, H, T_q, T_k = scores.shape
    N = T_q + T_k
    dtype = torch.float64 if scores.dtype == torch.float64 else torch.float32
    distance = torch.arange(-N, N + 1, device=scores.device, dtype=dtype)
    slopes = scores.new_tensor(alibi_slopes(H), dtype=dtype)
    by_distance = -torch.outer(slopes, distance.abs())
    if causal:
        by_distance[:, :N] = float("-inf")
    i = torch.arange(T_q, device=scores.device).unsqueeze(1) + (T_k - T_q)
    j = torch.arange(T_k, device=scores.device).unsqueeze(0)
    return torch.add(scores.to(dtype), by_distance[:, i - j + N]).to(scores.dtype)
