"""RLOO and REINFORCE baselines."""

import torch
from torch import Tensor


def baseline_advantages(scores: Tensor, index: Tensor, baseline: str) -> Tensor:
    """A baseline is a mean over peers: say for each name who they are."""
    scores = scores.detach().to(torch.promote_types(scores.dtype, torch.float32))
    same = index[:, None] == index  # (B, B)
    itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    peers = {
        "none": torch.zeros_like(same),
        "batch": torch.ones_like(same),
        "group": same,
        "rloo": same & ~itself,
    }
    if baseline not in peers:
        raise ValueError(f"no baseline {baseline!r}: it is one of {', '.join(peers)}")
    weight = peers[baseline].to(scores.dtype)
    return scores - weight @ scores / weight.sum(dim=1).clamp(min=1)


def reinforce_loss(log_prob: Tensor, advantages: Tensor, response_mask: Tensor) -> Tensor:
    """Add log-probabilities over tokens, then average over responses."""
    dtype = torch.promote_types(log_prob.dtype, torch.float32)
    # not a product with the mask: -inf * 0 is NaN
    response_log_prob = log_prob.to(dtype).masked_fill(~response_mask, 0).sum(dim=1)  # (B,)
    return -(advantages.detach().to(dtype) * response_log_prob).mean()
