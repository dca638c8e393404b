"""Flash decoding: each program takes two blocks of a sequence, a second kernel combines them."""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCKS = 2


@triton.jit
def _partial(q_ptr, k_ptr, v_ptr, table_ptr, lens_ptr, part_ptr, stats_ptr, scale, width, splits,
             kb, ks, kg, vb, vs, vg,
             H: tl.constexpr, R: tl.constexpr, S: tl.constexpr, D: tl.constexpr,
             BLOCKS: tl.constexpr):  # fmt: skip
    b = tl.program_id(0)
    h = tl.program_id(1)
    i = tl.program_id(2)
    length = tl.load(lens_ptr + b)
    if i * BLOCKS * S < length:
        d = tl.arange(0, D)
        s = tl.arange(0, S)
        row = b * H + h
        q = tl.load(q_ptr + row * D + d).to(tl.float32)
        best = -float("inf")
        norm = 0.0
        acc = tl.zeros((D,), dtype=tl.float32)
        for j in tl.static_range(BLOCKS):
            first = (i * BLOCKS + j) * S
            if first < length:
                page = tl.load(table_ptr + b * width + i * BLOCKS + j).to(tl.int64)
                inside = (first + s) < length
                k = tl.load(
                    k_ptr + page * kb + s[:, None] * ks + (h // R) * kg + d[None, :],
                    mask=inside[:, None],
                    other=0.0,
                ).to(tl.float32)
                x = tl.sum(k * q[None, :], axis=1) * scale
                x = tl.where(inside, x, -float("inf"))
                now = tl.maximum(best, tl.max(x, axis=0))
                e = tl.exp(x - now)
                v = tl.load(
                    v_ptr + page * vb + s[:, None] * vs + (h // R) * vg + d[None, :],
                    mask=inside[:, None],
                    other=0.0,
                ).to(tl.float32)
                fade = tl.exp(best - now)
                norm = norm * fade + tl.sum(e, axis=0)
                acc = acc * fade + tl.sum(e[:, None] * v, axis=0)
                best = now
        slot = row * splits + i
        tl.store(part_ptr + slot * D + d, acc)
        tl.store(stats_ptr + slot * 2, best)
        tl.store(stats_ptr + slot * 2 + 1, norm)


@triton.jit
def _combine(part_ptr, stats_ptr, lens_ptr, out_ptr, splits,
             H: tl.constexpr, S: tl.constexpr, D: tl.constexpr,
             BLOCKS: tl.constexpr):  # fmt: skip
    b = tl.program_id(0)
    row = b * H + tl.program_id(1)
    d = tl.arange(0, D)
    length = tl.load(lens_ptr + b)
    used = tl.cdiv(length, BLOCKS * S)
    best = -float("inf")
    for i in range(used):
        best = tl.maximum(best, tl.load(stats_ptr + (row * splits + i) * 2))
    norm = 0.0
    acc = tl.zeros((D,), dtype=tl.float32)
    for i in range(used):
        w = tl.exp(tl.load(stats_ptr + (row * splits + i) * 2) - best)
        norm += w * tl.load(stats_ptr + (row * splits + i) * 2 + 1)
        acc += w * tl.load(part_ptr + (row * splits + i) * D + d)
    if used == 0:
        norm = 1.0
    tl.store(out_ptr + row * D + d, (acc / norm).to(out_ptr.dtype.element_ty))


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
    S, G = k_cache.size(1), k_cache.size(2)
    if H % G:
        raise ValueError("H must be a multiple of G")
    splits = max(1, triton.cdiv(int(seq_lens.max()), BLOCKS * S))
    part = torch.empty(B, H, splits, D, dtype=torch.float32, device=q.device)
    stats = torch.empty(B, H, splits, 2, dtype=torch.float32, device=q.device)
    out = torch.empty(B, H, D, dtype=q.dtype, device=q.device)
    scale = D ** (-1 / 2) if scale is None else float(scale)
    shared = {"H": H, "S": S, "D": D, "BLOCKS": BLOCKS}
    _partial[(B, H, splits)](
        q, k_cache, v_cache, block_table, seq_lens, part, stats, scale, block_table.size(1), splits,
        *k_cache.stride()[:3], *v_cache.stride()[:3], R=H // G, **shared,
    )  # fmt: skip
    _combine[(B, H)](part, stats, seq_lens, out, splits, **shared)
    return out
