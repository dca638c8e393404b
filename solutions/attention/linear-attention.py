"""Linear attention: parallel, chunked and recurrent forms."""

import torch
from torch import Tensor
from torch.nn.functional import elu


def features(x: Tensor) -> Tensor:
    return elu(x.to(torch.promote_types(x.dtype, torch.float32))) + 1


def empty_state(q: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(q.dtype, torch.float32)
    z = torch.zeros(*q.shape[:2], q.shape[-1], dtype=dtype, device=q.device)
    return torch.zeros(*z.shape, v.shape[-1], dtype=dtype, device=q.device), z


def linear_attention_parallel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention whose weights are dot products of features, divided by their sum."""
    weights = (features(q) @ features(k).mT).tril()  # (B, H, T, T)
    total = weights.sum(dim=-1, keepdim=True)
    return (weights @ v.to(weights.dtype) / total).to(q.dtype)


def linear_attention_chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    chunk_size: int,
    state: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Numerator and denominator have a part from this chunk and a part from the state."""
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    S, z = state if state is not None else empty_state(q, v)
    outs = []
    for i in range(0, q.shape[2], chunk_size):
        f_q, f_k = (features(x[:, :, i : i + chunk_size]) for x in (q, k))
        values = v[:, :, i : i + chunk_size].to(f_q.dtype)
        weights = (f_q @ f_k.mT).tril()  # (B, H, C, C)
        total = weights.sum(dim=-1, keepdim=True) + f_q @ z[..., None]
        outs.append((weights @ values + f_q @ S) / total)
        S, z = S + f_k.mT @ values, z + f_k.sum(dim=-2)
    return torch.cat(outs, dim=2).to(q.dtype), (S, z)


def linear_attention_step(
    q: Tensor, k: Tensor, v: Tensor, state: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Write the token into the state, then read with its query."""
    S, z = state if state is not None else empty_state(q, v)
    f_q, f_k = features(q), features(k)
    S, z = S + f_k[..., None] * v[..., None, :], z + f_k
    out = (f_q[..., None] * S).sum(dim=-2) / (f_q * z).sum(dim=-1, keepdim=True)
    return out.to(q.dtype), (S, z)
