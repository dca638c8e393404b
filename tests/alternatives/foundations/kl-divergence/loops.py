"""One row at a time, over the entries that p gives any chance; float64 inside."""

import torch


def _row(p, q):
    kept = torch.exp(p - p.max()) > 0
    log_p = p - torch.logsumexp(p, 0)
    log_q = q - torch.logsumexp(q, 0)
    return (log_p[kept].exp() * (log_p[kept] - log_q[kept])).sum()


def kl_divergence(p_logits, q_logits, *, reduction="mean"):
    if p_logits.shape != q_logits.shape:
        raise ValueError("shapes")
    if reduction not in ("mean", "none", "sum"):
        raise ValueError("reduction")
    wide = torch.float64 in (p_logits.dtype, q_logits.dtype)
    V = p_logits.shape[-1]
    P, Q = p_logits.double().reshape(-1, V), q_logits.double().reshape(-1, V)
    rows = [_row(p, q) for p, q in zip(P, Q, strict=True)]
    # a path to the inputs where there are no rows
    losses = torch.stack(rows) if rows else P.sum(-1) + Q.sum(-1)
    if reduction == "none":
        losses = losses.reshape(p_logits.shape[:-1])
    else:
        losses = losses.sum() / (len(rows) or 1 if reduction == "mean" else 1)
    return losses if wide else losses.float()
