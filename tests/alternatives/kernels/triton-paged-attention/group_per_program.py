"""One program for each sequence and KV head: its query heads, padded to 16 rows, meet in tl.dot."""

import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _kernel(
    Q, K, V, Out, Table, Lens, sm_scale,
    table_width, skb, sks, skg, svb, svs, svg,
    G: tl.constexpr, R: tl.constexpr, ROWS: tl.constexpr, D: tl.constexpr, S: tl.constexpr,
):  # fmt: skip
    seq = tl.program_id(0) // G
    kv = tl.program_id(0) % G
    rows = tl.arange(0, ROWS)
    cols = tl.arange(0, D)
    slot = tl.arange(0, S)
    qo = (seq * G + kv) * R * D + rows[:, None] * D + cols[None, :]
    real = (rows < R)[:, None]
    q = tl.load(Q + qo, mask=real, other=0.0).to(tl.float32)
    m = tl.full((ROWS,), float("-inf"), tl.float32)
    z = tl.zeros((ROWS,), tl.float32)
    o = tl.zeros((ROWS, D), tl.float32)
    n_tokens = tl.load(Lens + seq).to(tl.int32)
    start = 0
    while start < n_tokens:
        page = tl.load(Table + seq * table_width + start // S).to(tl.int64)
        ok = start + slot < n_tokens
        # keys are loaded transposed, (D, S)
        kt = tl.load(
            K + page * skb + kv * skg + slot[None, :] * sks + cols[:, None],
            mask=ok[None, :],
            other=0.0,
        ).to(tl.float32)
        v = tl.load(
            V + page * svb + kv * svg + slot[:, None] * svs + cols[None, :],
            mask=ok[:, None],
            other=0.0,
        ).to(tl.float32)
        s = tl.dot(q, kt, input_precision="ieee") * sm_scale
        s = tl.where(ok[None, :], s, float("-inf"))
        m_new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - m_new[:, None])
        c = tl.exp(m - m_new)
        z = z * c + tl.sum(p, 1)
        o = o * c[:, None] + tl.dot(p, v, input_precision="ieee")
        m = m_new
        start += S
    z = tl.where(z == 0.0, 1.0, z)
    tl.store(Out + qo, o / z[:, None], mask=real)


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
    _, S, G, _ = k_cache.shape
    if H % G != 0:
        raise ValueError(f"{H} heads, {G} KV heads")
    if scale is None:
        scale = D**-0.5
    R = H // G
    result = q.new_zeros(q.shape)
    kb, ks, kg, _ = k_cache.stride()
    vb, vs, vg, _ = v_cache.stride()
    _kernel[(B * G,)](
        q, k_cache, v_cache, result, block_table, seq_lens, scale, block_table.stride(0),
        kb, ks, kg, vb, vs, vg,
        G=G, R=R, ROWS=max(16, triton.next_power_of_2(R)), D=D, S=S, num_warps=4,
    )  # fmt: skip
    return result
