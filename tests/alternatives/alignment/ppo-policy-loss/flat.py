"""Only the response tokens, in one row, as objectives to maximise."""

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
    if clip_ratio_c <= 1.0:
        raise ValueError(f"clip_ratio_c = {clip_ratio_c}")
    wide = torch.promote_types(log_prob.dtype, torch.float32)
    new = log_prob[response_mask].to(wide)
    with torch.no_grad():
        old = old_log_prob[response_mask].to(wide)
        A = advantages[response_mask].to(wide)
    n = max(new.numel(), 1)
    lo = 1 - (cliprange if cliprange_low is None else cliprange_low)
    hi = 1 + (cliprange if cliprange_high is None else cliprange_high)

    d = torch.clamp(new - old, min=-20, max=20)
    ratio = torch.exp(d)
    free = ratio * A
    bound = torch.clamp(ratio, lo, hi) * A
    gain = torch.min(free, bound)
    floor = clip_ratio_c * A
    dual = torch.where(A < 0, torch.max(gain, floor), gain)
    with torch.no_grad():
        clipfrac = (bound < free).sum().to(wide) / n
        lower = ((A < 0) * (gain < floor)).sum().to(wide) / n
        kl = -d.sum() / n
    return -dual.sum() / n, clipfrac, kl, lower
