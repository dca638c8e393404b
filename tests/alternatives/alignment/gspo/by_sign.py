"""One bound for each sign of the advantage; the root taken of the product of ratios."""

import torch


def _masked(x, mask, dtype):
    return torch.where(mask, x, torch.zeros_like(x)).to(dtype)


def _bounded(r, A, low, high):
    # what is too good is bounded: from above for A > 0, from below for A < 0
    up = r.clamp(max=1 + high)
    down = r.clamp(min=1 - low)
    cut = ((A > 0) & (r > 1 + high)) | ((A < 0) & (r < 1 - low))
    return torch.where(A > 0, up, down), cut.to(r.dtype)


def _wide(x):
    return torch.promote_types(torch.float32, x.dtype)


def gspo_loss(log_prob, old_log_prob, advantages, response_mask, *, clip_low=3e-4, clip_high=4e-4):
    wide = _wide(log_prob)
    n = response_mask.sum(1)
    new = _masked(log_prob, response_mask, wide).sum(1)
    old = _masked(old_log_prob.data, response_mask, wide).sum(1)
    s = torch.exp((new - old) / torch.where(n > 0, n, torch.ones_like(n)))
    A = advantages.data.to(wide) * (n > 0)
    r, cut = _bounded(s, A, clip_low, clip_high)
    return -torch.dot(r, A) / len(A), cut.sum() / len(A)


def gspo_token_loss(
    log_prob, old_log_prob, advantages, response_mask, *, clip_low=3e-4, clip_high=4e-4
):
    wide = _wide(log_prob)
    n = response_mask.sum(1, keepdim=True).clamp(min=1)
    new = _masked(log_prob, response_mask, wide)
    old = _masked(old_log_prob.data, response_mask, wide)
    A = _masked(advantages.data, response_mask, wide)
    mean = ((new.detach() - old).sum(1, keepdim=True) / n).expand_as(new)
    # as in veRL: the logarithm has the value of the mean and the gradient of the token
    r = torch.exp(mean + new - new.detach())
    r, cut = _bounded(r, A, clip_low, clip_high)
    weight = response_mask / n / len(A)
    return -(r * A * weight).sum(), (cut * weight).sum()
