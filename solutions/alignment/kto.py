"""KTO loss."""

import torch
from torch import Tensor


def mismatched(completions: list[list[int]]) -> list[list[int]]:
    """Shift by one: in a batch of two or more nobody keeps its own."""
    if len(completions) < 2:
        raise ValueError(f"{len(completions)} completions cannot be mismatched: give two or more")
    return completions[1:] + completions[:1]


def kto_loss(
    log_prob: Tensor,
    ref_log_prob: Tensor,
    kl_log_prob: Tensor,
    ref_kl_log_prob: Tensor,
    desirable: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """One sigmoid, whose sign and weight depend on the label."""
    if beta <= 0:
        raise ValueError(f"beta must be positive, got {beta}")
    kl = (kl_log_prob - ref_kl_log_prob).detach().mean().clamp(min=0)
    log_ratio = log_prob - ref_log_prob.detach()
    gain = torch.where(desirable, log_ratio - kl, kl - log_ratio)
    good = desirable.to(log_prob.dtype)
    weight = good * desirable_weight + (1 - good) * undesirable_weight
    loss = weight * (1 - (beta * gain).sigmoid())
    return loss.mean(), kl, beta * log_ratio.detach()
