"""Both clips as one range of the ratio that depends on the sign of the advantage."""

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
    if clip_ratio_c <= 1:
        raise ValueError("the dual clip lies inside the first one")
    lo = cliprange if cliprange_low is None else cliprange_low
    hi = cliprange if cliprange_high is None else cliprange_high
    half = log_prob.dtype in (torch.float16, torch.bfloat16)
    zero = torch.zeros((), dtype=torch.float32 if half else log_prob.dtype)

    def clean(x):
        return torch.where(response_mask, x.type_as(zero), zero)

    A = clean(advantages.data)
    d = torch.minimum(
        torch.maximum(clean(log_prob) - clean(old_log_prob.data), zero - 20), zero + 20
    )
    r = d.exp()
    bad = A < 0
    least = torch.where(bad, zero + (1 - lo), zero)
    # a clip range that ends above clip_ratio_c leaves good tokens their own bound
    most = torch.where(bad, zero + max(clip_ratio_c, 1 - lo), zero + (1 + hi))
    bounded = torch.where(r < least, least, torch.where(r > most, most, r))
    weight = response_mask.type_as(zero) / torch.clamp(response_mask.sum(), min=1)
    clipped = torch.where(bad, r < 1 - lo, (r > 1 + hi) & (A > 0))
    capped = bad & (r > clip_ratio_c)
    return (
        -torch.einsum("bt,bt->", A * bounded, weight),
        (clipped * weight).sum().detach(),
        -(d.detach() * weight).sum(),
        (capped * weight).sum().detach(),
    )
