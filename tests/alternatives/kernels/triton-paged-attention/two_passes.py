"""Reads the keys twice: for the maximum and the sum, then for the weights; exp2 for exp."""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def scores_of(k_ptr, table_row, n, q, length, sb, ss, S: tl.constexpr, D: tl.constexpr):
    slot = tl.arange(0, S)
    block = tl.load(table_row + n).to(tl.int64)
    valid = n * S + slot < length
    at = k_ptr + block * sb + slot[:, None] * ss + tl.arange(0, D)[None, :]
    k = tl.load(at, mask=valid[:, None], other=0).to(tl.float32)
    return tl.where(valid, tl.sum(k * q[None, :], axis=1), float("-inf"))


@triton.jit
def kernel(
    q_ptr, k_ptr, v_ptr, table, lengths, o_ptr, log2_scale,
    width, kb, ks, kh, vb, vs, vh,
    H: tl.constexpr, GROUP: tl.constexpr, S: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    pid = tl.program_id(0)
    b, h = pid // H, pid % H
    d = tl.arange(0, D)
    slot = tl.arange(0, S)
    length = tl.load(lengths + b)
    blocks = (length + S - 1) // S
    row = table + b * width
    k_ptr += (h // GROUP) * kh
    v_ptr += (h // GROUP) * vh
    q = tl.load(q_ptr + pid * D + d).to(tl.float32) * log2_scale

    top = tl.full((), float("-inf"), tl.float32)
    for n in range(blocks):
        top = tl.maximum(top, tl.max(scores_of(k_ptr, row, n, q, length, kb, ks, S, D)))
    out = tl.zeros((D,), tl.float32)
    norm = tl.zeros((), tl.float32)
    for n in range(blocks):
        p = tl.exp2(scores_of(k_ptr, row, n, q, length, kb, ks, S, D) - top)
        block = tl.load(row + n).to(tl.int64)
        valid = (n * S + slot < length)[:, None]
        v = tl.load(v_ptr + block * vb + slot[:, None] * vs + d[None, :], mask=valid, other=0)
        norm += tl.sum(p)
        out += tl.sum(p[:, None] * v.to(tl.float32), axis=0)
    if blocks > 0:
        out = out / norm
    tl.store(o_ptr + pid * D + d, out)


def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    B, H, D = q.shape
    S, G = k_cache.shape[1:3]
    if H // G * G != H:
        raise ValueError("query heads do not divide among the KV heads")
    if scale is None:
        scale = 1 / math.sqrt(D)
    o = torch.zeros_like(q)
    kernel[(B * H,)](
        q, k_cache, v_cache, block_table, seq_lens, o, scale * math.log2(math.e),
        block_table.shape[1],
        k_cache.stride(0), k_cache.stride(1), k_cache.stride(2),
        v_cache.stride(0), v_cache.stride(1), v_cache.stride(2),
        H=H, GROUP=H // G, S=S, D=D,
    )  # fmt: skip
    return o
