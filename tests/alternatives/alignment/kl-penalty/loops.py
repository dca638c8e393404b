"""One token at a time."""

import torch


def _one(x, name):
    if name == "kl" or name == "k1":
        return x
    if name == "abs":
        return x if x.item() >= 0 else -x
    if name == "mse" or name == "k2":
        return x * x / 2
    if name == "low_var_kl" or name == "k3":
        if -x.item() > 2.7 or x.item() > 12:
            return x * 0 + 10
        value = torch.exp(-x) + x - 1
        return torch.minimum(value, torch.full_like(value, 10.0))
    raise ValueError(name)


def kl_penalty(logprob, ref_logprob, kl_penalty):
    double = logprob.dtype == torch.float64
    out = torch.float64 if double else torch.float32
    values = []
    for p, q in zip(logprob.reshape(-1), ref_logprob.reshape(-1), strict=True):
        x = p.to(out) - q.to(out)
        if kl_penalty.endswith("+"):
            value = _one(x, kl_penalty[:-1]).detach()
            # the slope x at the point x, and no value
            values.append(value + x.detach() * (x - x.detach()))
        else:
            values.append(_one(x, kl_penalty))
    return torch.stack(values).reshape(logprob.shape)


def apply_kl_penalty(
    token_level_scores, old_log_prob, ref_log_prob, response_mask, beta, kind="kl"
):
    kl_penalty(torch.zeros(1), torch.zeros(1), kind)
    out = torch.float64 if token_level_scores.dtype == torch.float64 else torch.float32
    rewards = token_level_scores.detach().to(out).clone()
    total = torch.zeros((), dtype=out, device=rewards.device)
    for b, keep in enumerate(response_mask):
        if not keep.any():
            continue
        cost = kl_penalty(old_log_prob[b][keep], ref_log_prob[b][keep], kind).detach()
        rewards[b, keep] -= beta * cost
        total += cost.mean()
    return rewards, total / len(rewards)
