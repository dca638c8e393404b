"""DPO loss."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def sequence_log_prob(logits: Tensor, input_ids: Tensor, response_mask: Tensor) -> Tensor:
    """Gather each token's log-probability from the position before it, then sum."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_probs = logits[:, :-1].log_softmax(dim=-1)  # (B, T - 1, V)
    token_log_prob = log_probs.gather(-1, input_ids[:, 1:, None])[..., 0]  # (B, T - 1)
    # not a product with the mask: -inf * 0 is NaN
    return token_log_prob.masked_fill(~response_mask[:, 1:], 0).sum(dim=1)


def dpo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    ref_chosen_log_prob: Tensor,
    ref_rejected_log_prob: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Logistic regression on the margin between two implicit rewards."""
    if beta <= 0:
        raise ValueError(f"beta must be positive, got {beta}")
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(f"label_smoothing must be in [0, 0.5), got {label_smoothing}")

    chosen_rewards = beta * (chosen_log_prob - ref_chosen_log_prob.detach())
    rejected_rewards = beta * (rejected_log_prob - ref_rejected_log_prob.detach())
    margin = chosen_rewards - rejected_rewards

    eps = label_smoothing
    loss = -(1 - eps) * logsigmoid(margin) - eps * logsigmoid(-margin)
    return loss.mean(), chosen_rewards.detach(), rejected_rewards.detach()
