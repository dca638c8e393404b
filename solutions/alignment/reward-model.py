"""Reward model training loss."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def sequence_rewards(scores: Tensor, attention_mask: Tensor) -> Tensor:
    """The last true position is the largest index among the true ones."""
    if not attention_mask.any(dim=1).all():
        raise ValueError(f"no token in row {int(attention_mask.any(dim=1).int().argmin())}")
    positions = torch.arange(scores.shape[1], device=scores.device)
    last = (positions * attention_mask).argmax(dim=1, keepdim=True)  # (B, 1)
    return scores.gather(1, last)[:, 0]


def reward_loss(
    chosen_rewards: Tensor,
    rejected_rewards: Tensor,
    margin: Tensor | None = None,
    *,
    center_rewards_coefficient: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Logistic regression on the difference of two rewards."""
    for other in (rejected_rewards, margin):
        # (B,) and (B, 1) would broadcast to every pair with every other
        if other is not None and other.shape != chosen_rewards.shape:
            raise ValueError(f"{tuple(other.shape)} does not fit {tuple(chosen_rewards.shape)}")

    dtype = torch.promote_types(chosen_rewards.dtype, torch.float32)
    chosen, rejected = chosen_rewards.to(dtype), rejected_rewards.to(dtype)
    difference = chosen - rejected
    logits = difference if margin is None else difference - margin.detach().to(dtype)
    loss = -logsigmoid(logits) + center_rewards_coefficient * (chosen + rejected).square()
    return loss.mean(), (chosen > rejected).to(dtype).mean()
