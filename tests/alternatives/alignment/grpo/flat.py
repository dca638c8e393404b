"""All response tokens in one row, each with the weight of its response."""

import torch


def group_advantages(rewards, *, group_size, eps=1e-6):
    if group_size < 2:
        raise ValueError("a group of one has no baseline")
    try:
        x = rewards.data.unflatten(0, (-1, group_size))
    except RuntimeError as error:
        raise ValueError("groups must be full") from error
    x = x if x.dtype == torch.float64 else x.float()
    centred = x - x.mean(1, True)
    spread = torch.linalg.vector_norm(centred, dim=1, keepdim=True) / (group_size - 1) ** 0.5
    return centred.div(spread + eps).reshape(len(rewards))


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
    row, step = response_mask.nonzero(as_tuple=True)
    wide = torch.promote_types(log_prob.dtype, torch.float32)
    new = log_prob[row, step].to(wide)
    with torch.no_grad():
        old = old_log_prob[row, step].to(wide)
        ref = ref_log_prob[row, step].to(wide)
        A = advantages[row].to(wide)
        weight = 1 / response_mask.sum(1)[row].to(wide) / len(response_mask)
    ratio = torch.exp(new - old)
    losses = torch.max(-A * ratio, -A * torch.clip(ratio, 1 - clip_eps, 1 + clip_eps))
    losses = losses + beta * ((ref - new).exp() + new - ref - 1)
    return weight @ losses
