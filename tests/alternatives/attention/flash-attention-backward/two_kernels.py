"""As two kernels would: queries outside for grad_q, keys outside for grad_k and grad_v."""

import torch


def tile(q, k, v, grad_out, lse, delta, i, j, causal, T_q, T_k):
    """Weights and the gradients of scaled scores for rows i and keys j, lists of positions."""
    scores = torch.einsum("bhid,bhjd->bhij", q, k)
    p = torch.exp(scores - lse.unsqueeze(-1))
    if causal:
        p = torch.where(j <= i[:, None] + (T_k - T_q), p, torch.zeros_like(p))
    dp = torch.einsum("bhid,bhjd->bhij", grad_out, v)
    return p, p * (dp - delta.unsqueeze(-1))


def flash_attention_backward(grad_out, q, k, v, out, lse, *, causal=False, block_q=64, block_k=64):
    if min(block_q, block_k) < 1:
        raise ValueError(f"{block_q=} {block_k=}")
    wide = torch.float64 if q.dtype == torch.float64 else torch.float32
    T_q, D = q.shape[2:]
    T_k = k.size(2)
    root = D**0.25
    delta = torch.einsum("bhtd,bhtd->bht", grad_out.to(wide), out.to(wide))
    # a query that sees nothing: no score reaches +inf, so its weights are 0
    lse = torch.where(lse == -torch.inf, torch.inf, lse).to(wide)
    at = torch.arange(max(T_q, T_k), device=q.device)

    def rows(i):
        s = slice(i, min(i + block_q, T_q))
        return q[:, :, s].to(wide) / root, grad_out[:, :, s].to(wide), s

    def cols(j):
        s = slice(j, min(j + block_k, T_k))
        return k[:, :, s].to(wide) / root, v[:, :, s].to(wide), s

    def both(i, j):
        qt, gt, si = rows(i)
        kt, vt, sj = cols(j)
        p, ds = tile(
            qt, kt, vt, gt, lse[:, :, si], delta[:, :, si], at[si], at[sj], causal, T_q, T_k
        )
        return p, ds, qt, kt, gt

    grad_q, grad_k, grad_v = [], [], []
    for i in range(0, T_q, block_q):
        total = 0
        for j in range(0, T_k, block_k):
            _, ds, _, kt, _ = both(i, j)
            total = total + ds @ kt / root
        grad_q.append(total)
    for j in range(0, T_k, block_k):
        dk = dv = 0
        for i in range(0, T_q, block_q):
            p, ds, qt, _, gt = both(i, j)
            dk = dk + ds.transpose(2, 3) @ qt / root
            dv = dv + p.transpose(2, 3) @ gt
        grad_k.append(dk)
        grad_v.append(dv)
    return tuple(torch.cat(parts, dim=2).to(q.dtype) for parts in (grad_q, grad_k, grad_v))
