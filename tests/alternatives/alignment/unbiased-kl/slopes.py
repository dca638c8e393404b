"""Gradients worked out by hand and attached to a value."""

import torch


def _attach(value, x, slope):
    return value.detach() + ((x - x.detach()) * slope.detach()).sum()


def _masked(x, mask):
    wide = torch.promote_types(torch.float32, x.dtype)
    return torch.where(mask, x, torch.zeros_like(x)).to(wide)


def token_kl_loss(log_prob, old_log_prob, ref_log_prob, response_mask):
    x = _masked(log_prob, response_mask)
    with torch.no_grad():
        old, ref = _masked(old_log_prob, response_mask), _masked(ref_log_prob, response_mask)
        ratio, gap = torch.exp(x - old), x - ref
        n = response_mask.sum().clamp(min=1)
        value = torch.einsum("bt,bt->", ratio, torch.special.expm1(-gap) + gap) / n
    # d(ratio * k3) = ratio * (k3 + 1 - r) = ratio * log(p / q)
    return _attach(value, x, ratio * gap / n)


def sequence_kl_loss(log_prob, ref_log_prob, response_mask):
    x = _masked(log_prob, response_mask)
    with torch.no_grad():
        gap = x - _masked(ref_log_prob, response_mask)
        total = gap.sum(1, keepdim=True)
        cost = total - gap.cumsum(1) + gap
    return _attach(total.mean(), x, cost / len(x))
