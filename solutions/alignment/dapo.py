"""DAPO: clip-higher, token-level loss, dynamic sampling."""

from collections.abc import Iterable

import torch
from torch import Tensor


def overlong_penalty(lengths: Tensor, *, max_length: int, cache: int) -> Tensor:
    """One line through both corners, cut off above and below."""
    if not 1 <= cache <= max_length:
        raise ValueError(f"cache is {cache}, outside of 1..{max_length}")
    return ((max_length - cache - lengths) / cache).clamp(-1, 0)


def dynamic_sampling(groups: Iterable[Tensor], size: int) -> list[int]:
    """Ask whether there are enough before drawing another one."""
    kept: list[int] = []
    source = enumerate(groups)
    while len(kept) < size:
        position, correct = next(source, (-1, None))
        if correct is None:
            raise ValueError(f"only {len(kept)} of {size} groups have right and wrong responses")
        if correct.any() and not correct.all():
            kept.append(position)
    return kept


def dapo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
) -> Tensor:
    """PPO's clipped loss, the two sides of the range apart, one sum and one count."""
    dtype = torch.promote_types(log_prob.dtype, torch.float32)
    A = advantages.detach().to(dtype)[:, None]  # (B, 1)
    # replaced before exp: a masked inf still has the gradient 0 * inf
    new, old = (
        x.to(dtype).masked_fill(~response_mask, 0) for x in (log_prob, old_log_prob.detach())
    )
    ratio = (new - old).exp()
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip_low, 1 + clip_high) * A)
    return -gain.masked_fill(~response_mask, 0).sum() / response_mask.sum().clamp(min=1)
