"""FlashAttention-1's order: tiles of keys outside, the state of all queries kept between them."""

import torch


def flash_attention(q, k, v, *, causal=False, block_q=64, block_k=64):
    if min(block_q, block_k) <= 0:
        raise ValueError("blocks hold at least one row")
    B, H, T_q, D = q.shape
    T_k, D_v = v.shape[2:]
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    m = torch.full((B, H, T_q), -torch.inf, dtype=dtype, device=q.device)
    total = torch.zeros((B, H, T_q), dtype=dtype, device=q.device)
    out = torch.zeros((B, H, T_q, D_v), dtype=dtype, device=q.device)
    q_positions = torch.arange(T_k - T_q, T_k, device=q.device)
    k_positions = torch.arange(T_k, device=q.device)
    for ks in (slice(j, j + block_k) for j in range(0, T_k, block_k)):
        kj, vj = k[:, :, ks].to(dtype), v[:, :, ks].to(dtype)
        for qs in (slice(i, i + block_q) for i in range(0, T_q, block_q)):
            s = torch.einsum("bhid,bhjd->bhij", q[:, :, qs].to(dtype), kj) * D**-0.5
            if causal:
                hidden = k_positions[ks] > q_positions[qs, None]
                if hidden.all():
                    continue
                s = torch.where(hidden, -torch.inf, s)
            m_old = m[:, :, qs]
            m_new = torch.maximum(m_old, s.max(dim=-1).values)
            safe = torch.where(m_new == -torch.inf, 0.0, m_new)
            p = torch.exp(s - safe[..., None])
            alpha = torch.exp(m_old - safe)
            total[:, :, qs] = alpha * total[:, :, qs] + p.sum(-1)
            out[:, :, qs] = alpha[..., None] * out[:, :, qs] + p @ vj
            m[:, :, qs] = m_new
    out = torch.where(total[..., None] > 0, out / total[..., None], 0.0)
    return out.to(q.dtype), m + torch.log(total)
