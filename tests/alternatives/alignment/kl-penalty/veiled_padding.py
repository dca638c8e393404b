"""Padding is made equal in both before anything is computed; double precision inside."""

import torch


def kl_penalty(logprob, ref_logprob, kl_penalty):
    out = torch.promote_types(logprob.dtype, torch.float32)
    x = logprob.double().sub(ref_logprob.double())
    surrogate = None
    if kl_penalty.endswith("+"):
        kl_penalty, surrogate = kl_penalty[:-1], 0.5 * torch.square(x)
    match kl_penalty:
        case "k1" | "kl":
            y = x
        case "abs":
            y = torch.maximum(x, -x)
        case "k2" | "mse":
            y = torch.square(x) * 0.5
        case "k3" | "low_var_kl":
            inner = torch.clamp(x, -20, 20)
            y = torch.clamp(torch.exp(inner.neg()) - 1 + inner, -10, 10)
        case _:
            raise ValueError(f"unknown penalty {kl_penalty}")
    if surrogate is not None:
        y = (y - surrogate).detach() + surrogate
    return y.to(out)


def apply_kl_penalty(
    token_level_scores, old_log_prob, ref_log_prob, response_mask, beta, kind="kl"
):
    fill = old_log_prob.new_zeros(())
    new = torch.where(response_mask, old_log_prob.detach(), fill)
    ref = torch.where(response_mask, ref_log_prob.detach(), fill)
    cost = kl_penalty(new, ref, kind)
    weight = response_mask / response_mask.sum(1, keepdim=True).clamp(min=1) / len(new)
    rewards = torch.add(token_level_scores.detach().to(cost.dtype), cost, alpha=-beta)
    return rewards, (cost * weight.to(cost.dtype)).sum()
