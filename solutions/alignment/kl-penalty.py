"""KL penalty, per token, in the reward."""

import torch
from torch import Tensor


def kl_penalty(logprob: Tensor, ref_logprob: Tensor, kl_penalty: str) -> Tensor:
    """One formula for each name; a "+" swaps the gradient, not the value."""
    dtype = torch.promote_types(logprob.dtype, torch.float32)
    log_ratio = logprob.to(dtype) - ref_logprob.to(dtype)
    k2 = log_ratio.square() / 2
    name = kl_penalty.removesuffix("+")
    if name in ("kl", "k1"):
        value = log_ratio
    elif name == "abs":
        value = log_ratio.abs()
    elif name in ("mse", "k2"):
        value = k2
    elif name in ("low_var_kl", "k3"):
        # without it exp overflows, and the gradient of the outer clamp is 0 * inf = NaN
        log_r = (-log_ratio).clamp(-20, 20)
        value = (log_r.exp() - log_r - 1).clamp(-10, 10)
    else:
        raise ValueError(f"no KL penalty is called {kl_penalty!r}")
    if name == kl_penalty:
        return value
    return k2 - k2.detach() + value.detach()


def apply_kl_penalty(
    token_level_scores: Tensor,
    old_log_prob: Tensor,
    ref_log_prob: Tensor,
    response_mask: Tensor,
    beta: float,
    kind: str = "kl",
) -> tuple[Tensor, Tensor]:
    """Penalise every token, then make padding free."""
    penalty = kl_penalty(old_log_prob, ref_log_prob, kind).detach()
    penalty = penalty.masked_fill(~response_mask, 0)
    scores = token_level_scores.detach().to(penalty.dtype)
    lengths = response_mask.sum(dim=1).clamp(min=1)
    return scores - beta * penalty, (penalty.sum(dim=1) / lengths).mean()
