"""One key at a time, whatever the blocks: a column of weights is a tile, too."""

import torch


def flash_attention_backward(grad_out, q, k, v, out, lse, *, causal=False, block_q=64, block_k=64):
    if not (block_q >= 1 and block_k >= 1):
        raise ValueError
    work = torch.double if q.dtype == torch.double else torch.float
    T_q, T_k = q.shape[2], k.shape[2]
    g, qs = grad_out.to(work), q.to(work) / q.shape[3] ** 0.5
    shared = (g * out.to(work)).sum(3)
    grad_q = torch.zeros(q.shape, dtype=work, device=q.device)
    grads_k, grads_v = [], []
    for j in range(T_k):
        key, value = k[:, :, j, None].to(work), v[:, :, j, None].to(work)
        # the first query that sees this key
        start = max(0, j - (T_k - T_q)) if causal else 0
        weight = ((qs * key).sum(3)[:, :, start:] - lse[:, :, start:]).exp()
        d_score = weight * ((g * value).sum(3) - shared)[:, :, start:]
        grads_v.append((weight[..., None] * g[:, :, start:]).sum(2))
        grads_k.append((d_score[..., None] * qs[:, :, start:]).sum(2))
        grad_q[:, :, start:] += d_score[..., None] * key
    grad_q = grad_q / q.shape[3] ** 0.5
    return (
        grad_q.to(q.dtype),
        torch.stack(grads_k, 2).to(q.dtype),
        torch.stack(grads_v, 2).to(q.dtype),
    )
