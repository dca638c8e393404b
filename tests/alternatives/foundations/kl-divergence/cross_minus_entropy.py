"""Cross-entropy less entropy, each with what p excludes taken out of the logarithms first."""

import torch


def kl_divergence(p_logits, q_logits, *, reduction="mean"):
    if p_logits.size() != q_logits.size() or reduction not in {"none", "sum", "mean"}:
        raise ValueError("shapes or reduction")
    kind = torch.promote_types(p_logits.dtype, q_logits.dtype)
    kind = torch.promote_types(kind, torch.float32)
    p, q = p_logits.to(kind), q_logits.to(kind)
    excluded = p == float("-inf")
    weights = torch.softmax(p, -1)
    log_p = torch.log_softmax(p, -1).masked_fill(excluded, 0.0)
    log_q = torch.log_softmax(q, -1).masked_fill(excluded | (weights == 0), 0.0)
    entropy = -torch.einsum("...v,...v->...", weights, log_p)
    cross = -torch.einsum("...v,...v->...", weights, log_q)
    rows = cross - entropy
    if reduction == "none":
        return rows
    return rows.sum() if reduction == "sum" or rows.numel() == 0 else rows.mean()
