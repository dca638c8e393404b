"""k1, k2 and k3 KL estimators."""

import torch
from torch import Tensor


def kl_estimate(log_prob: Tensor, ref_log_prob: Tensor, kind: str) -> Tensor:
    """All three are functions of log r alone."""
    log_r = ref_log_prob - log_prob
    if kind == "k1":
        return -log_r
    if kind == "k2":
        return log_r.square() / 2
    if kind == "k3":
        # expm1: r - 1 without first rounding r to a number near 1
        return torch.expm1(log_r) - log_r
    raise ValueError(f"kind must be k1, k2 or k3, got {kind!r}")


def bias_and_variance(logits: Tensor, ref_logits: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Weight every token's estimate with the policy's probability."""
    log_p, log_ref = logits.log_softmax(dim=-1), ref_logits.log_softmax(dim=-1)
    p = log_p.exp()
    # a token that is never drawn: its estimate is infinite, and 0 * inf is NaN
    log_p = torch.where(p > 0, log_p, log_ref)

    kl = (p * (log_p - log_ref)).sum(dim=-1)
    estimate = kl_estimate(log_p, log_ref, kind)  # (..., V)
    mean = (p * estimate).sum(dim=-1, keepdim=True)
    variance = (p * (estimate - mean).square()).sum(dim=-1)
    return mean[..., 0] - kl, variance
