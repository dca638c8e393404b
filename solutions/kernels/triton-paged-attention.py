"""Paged attention decode in Triton."""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def decode(
    q, k_cache, v_cache, block_table, seq_lens, out, scale, max_blocks,
    k_block, k_slot, k_head, v_block, v_slot, v_head,
    H: tl.constexpr, R: tl.constexpr, S: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """One program for each sequence and query head; R query heads share a KV head."""
    b, h = tl.program_id(0), tl.program_id(1)
    g = h // R
    slots, dims = tl.arange(0, S), tl.arange(0, D)
    length = tl.load(seq_lens + b)
    query = tl.load(q + (b * H + h) * D + dims).to(tl.float32) * scale
    k_tile = k_cache + g * k_head + slots[:, None] * k_slot + dims
    v_tile = v_cache + g * v_head + slots[:, None] * v_slot + dims

    top = float("-inf")  # the largest score so far
    total = 0.0  # of exp(score - top)
    acc = tl.zeros([D], dtype=tl.float32)  # of exp(score - top) * v
    for n in range(tl.cdiv(length, S)):
        # a large pool has more elements than an int32 can count
        block = tl.load(block_table + b * max_blocks + n).to(tl.int64)
        live = n * S + slots < length
        # masked when loaded: 0 * NaN from a stale slot would be NaN
        k = tl.load(k_tile + block * k_block, mask=live[:, None], other=0.0).to(tl.float32)
        v = tl.load(v_tile + block * v_block, mask=live[:, None], other=0.0).to(tl.float32)

        scores = tl.where(live, tl.sum(query * k, axis=1), float("-inf"))  # (S,)
        new_top = tl.maximum(top, tl.max(scores, axis=0))
        weights, shrink = tl.exp(scores - new_top), tl.exp(top - new_top)
        total = total * shrink + tl.sum(weights, axis=0)
        acc = acc * shrink + tl.sum(weights[:, None] * v, axis=0)
        top = new_top
    # an empty sequence has a total of 0
    tl.store(out + (b * H + h) * D + dims, acc / tl.where(length > 0, total, 1.0))


def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """Online softmax, a block of the cache at a time."""
    B, H, D = q.shape
    S, G = k_cache.shape[1:3]
    if H % G:
        raise ValueError(f"query heads ({H}) must be a multiple of KV heads ({G})")

    scale = 1 / math.sqrt(D) if scale is None else scale
    out = torch.empty_like(q)
    decode[(B, H)](
        q, k_cache, v_cache, block_table, seq_lens, out, scale, block_table.shape[1],
        *k_cache.stride()[:3], *v_cache.stride()[:3],
        H=H, R=H // G, S=S, D=D,
    )  # fmt: skip
    return out
