"""One response at a time, only its own tokens."""

import torch


def group_advantages(rewards, *, group_size, eps=1e-6):
    B = rewards.shape[0]
    if group_size <= 1 or B % group_size != 0:
        raise ValueError((B, group_size))
    wide = rewards.detach().double()
    out = torch.zeros(B, dtype=torch.float64)
    for start in range(0, B, group_size):
        group = wide[start : start + group_size]
        mean = group.sum() / group_size
        variance = ((group - mean) ** 2).sum() / (group_size - 1)
        out[start : start + group_size] = (group - mean) / (variance**0.5 + eps)
    return out if rewards.dtype == torch.float64 else out.float()


def grpo_loss(
    log_prob,
    old_log_prob,
    ref_log_prob,
    advantages,
    response_mask,
    *,
    clip_eps=0.2,
    beta=0.04,
):
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    total = torch.zeros((), dtype=kind)
    for i, keep in enumerate(response_mask):
        if not keep.any():
            continue
        new = log_prob[i][keep].to(kind)
        old = old_log_prob[i][keep].detach().to(kind)
        ref = ref_log_prob[i][keep].detach().to(kind)
        A = advantages[i].detach().item()
        ratio = torch.exp(new - old)
        if A >= 0:
            objective = A * torch.clamp(ratio, max=1 + clip_eps)
        else:
            objective = A * torch.clamp(ratio, min=1 - clip_eps)
        k3 = torch.expm1(ref - new) - (ref - new)
        total = total + (beta * k3 - objective).mean()
    return total / len(response_mask)
