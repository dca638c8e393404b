"""A table of estimators; the straight-through gradient by an autograd function."""

import torch


def _k3(x):
    r = torch.clamp(-x, min=-20.0, max=20.0)
    return torch.clamp(torch.expm1(r) - r, max=10.0)


PENALTIES = {
    "kl": lambda x: x,
    "k1": lambda x: x,
    "abs": torch.abs,
    "mse": lambda x: 0.5 * x**2,
    "k2": lambda x: 0.5 * x**2,
    "low_var_kl": _k3,
    "k3": _k3,
}


class _WithSlopeOfK2(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, name):
        ctx.save_for_backward(x)
        return PENALTIES[name](x).clone()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x, None


def kl_penalty(logprob, ref_logprob, kl_penalty):
    plus = kl_penalty[-1:] == "+"
    name = kl_penalty[:-1] if plus else kl_penalty
    if name not in PENALTIES:
        raise ValueError(name)
    wide = torch.promote_types(torch.float32, logprob.dtype)
    x = logprob.type(wide) - ref_logprob.type(wide)
    return _WithSlopeOfK2.apply(x, name) if plus else PENALTIES[name](x)


@torch.no_grad()
def apply_kl_penalty(
    token_level_scores, old_log_prob, ref_log_prob, response_mask, beta, kind="kl"
):
    cost = kl_penalty(old_log_prob, ref_log_prob, kind)
    cost = torch.where(response_mask, cost, torch.zeros_like(cost))
    n = response_mask.sum(-1)
    mean = torch.where(n > 0, cost.sum(-1) / n, torch.zeros_like(cost[:, 0]))
    return token_level_scores - beta * cost, mean.sum() / len(mean)
