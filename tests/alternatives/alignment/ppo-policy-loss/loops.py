"""One token at a time."""

import torch


def compute_policy_loss(
    old_log_prob,
    log_prob,
    advantages,
    response_mask,
    cliprange=0.2,
    cliprange_low=None,
    cliprange_high=None,
    clip_ratio_c=3.0,
):
    if not clip_ratio_c > 1:
        raise ValueError("clip_ratio_c")
    if cliprange_low is None:
        cliprange_low = cliprange
    if cliprange_high is None:
        cliprange_high = cliprange
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    # an empty batch still has a gradient, zero
    loss = (log_prob[:0].to(kind)).sum()
    kl = torch.zeros((), dtype=kind)
    clips = lower = n = 0
    for i, t in response_mask.nonzero().tolist():
        A = advantages[i, t].item()
        d = log_prob[i, t].to(kind) - old_log_prob[i, t].detach().to(kind)
        d = torch.clip(d, -20.0, 20.0)
        r = torch.exp(d)
        if A >= 0:
            cut = r.item() > 1 + cliprange_high and A > 0
            loss = loss - A * torch.clamp(r, max=1 + cliprange_high)
            # a ratio below the range is moved up only where that makes the loss larger
        else:
            cut = r.item() < 1 - cliprange_low
            beyond = max(r.item(), 1 - cliprange_low) > clip_ratio_c
            loss = loss - A * torch.clamp(r, 1 - cliprange_low, clip_ratio_c)
            lower += beyond
        clips += cut
        kl = kl - d.detach()
        n += 1
    n = max(n, 1)
    return (
        loss / n,
        torch.tensor(clips / n, dtype=kind),
        kl / n,
        torch.tensor(lower / n, dtype=kind),
    )
