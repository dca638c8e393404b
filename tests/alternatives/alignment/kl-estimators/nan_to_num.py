"""Everything in one formula; what is undefined is set to zero; double precision inside."""

import torch


def kl_estimate(log_prob, ref_log_prob, kind):
    if kind not in {"k1", "k2", "k3"}:
        raise ValueError(f"unknown: {kind}")
    gap = log_prob.double() - ref_log_prob.double()
    if kind == "k2":
        gap = gap**2 / 2
    if kind == "k3":
        # 2 sinh(x / 2) exp(x / 2) = exp(x) - 1
        gap = gap + 2 * torch.sinh(-gap / 2) * torch.exp(-gap / 2)
    return gap.to(log_prob.dtype)


def bias_and_variance(logits, ref_logits, kind):
    a = logits - logits.logsumexp(-1, keepdim=True)
    b = ref_logits - ref_logits.logsumexp(-1, keepdim=True)
    p = torch.exp(a)
    k = kl_estimate(a, b, kind)
    pk = torch.nan_to_num(p * k, nan=0.0)
    mean = pk.sum(-1)
    kl = torch.nan_to_num(p * (a - b), nan=0.0).sum(-1)
    spread = torch.nan_to_num(p * (k - mean.unsqueeze(-1)) ** 2, nan=0.0).sum(-1)
    return mean - kl, spread
