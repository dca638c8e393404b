"""One D by D rotation matrix for each token, built entry by entry."""

import math

import torch


def rotation(position, D, theta):
    matrix = [[0.0] * D for _ in range(D)]
    for i in range(D // 2):
        angle = position * theta ** (-2 * i / D)
        a, b = i, i + D // 2
        matrix[a][a] = matrix[b][b] = math.cos(angle)
        matrix[a][b], matrix[b][a] = -math.sin(angle), math.sin(angle)
    return matrix


def apply_rope(x, positions, *, theta=10000.0):
    D = x.shape[3]
    if D % 2:
        raise ValueError("odd D")
    R = torch.tensor([rotation(p, D, theta) for p in positions.tolist()], dtype=torch.float64)
    return torch.einsum("tij,bhtj->bthi", R.to(x.device), x.double()).transpose(1, 2).to(x.dtype)
