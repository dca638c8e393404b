"""GRPO loss."""

import torch
from torch import Tensor


def group_advantages(rewards: Tensor, *, group_size: int, eps: float = 1e-6) -> Tensor:
    """One row a prompt, then standardise each row."""
    if group_size < 2:
        raise ValueError(f"group_size must be at least 2, got {group_size}")
    if len(rewards) % group_size:
        raise ValueError(f"{len(rewards)} rewards do not fill groups of {group_size}")

    rewards = rewards.detach().to(torch.promote_types(rewards.dtype, torch.float32))
    groups = rewards.reshape(-1, group_size)  # (prompts, group_size)
    mean, std = groups.mean(dim=1, keepdim=True), groups.std(dim=1, keepdim=True)
    return ((groups - mean) / (std + eps)).flatten()


def grpo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    ref_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_eps: float = 0.2,
    beta: float = 0.04,
) -> Tensor:
    """Blank what is masked, then per-token loss, token mean, sequence mean."""
    dtype = torch.promote_types(log_prob.dtype, torch.float32)
    # before exp, not after: the gradient of a masked inf is 0 * inf
    new, old, ref = (
        x.to(dtype).masked_fill(~response_mask, 0)
        for x in (log_prob, old_log_prob.detach(), ref_log_prob.detach())
    )
    A = advantages.detach().to(dtype)[:, None]  # (B, 1)

    ratio = (new - old).exp()
    surrogate = torch.minimum(ratio * A, ratio.clamp(1 - clip_eps, 1 + clip_eps) * A)
    d = ref - new
    kl = d.exp() - d - 1  # k3

    token_loss = (beta * kl - surrogate).masked_fill(~response_mask, 0)  # (B, T)
    lengths = response_mask.sum(dim=1).clamp(min=1)
    return (token_loss.sum(dim=1) / lengths).mean()
