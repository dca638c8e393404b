"""Advantages by one matrix product; the whole batch goes through the models at each step."""

from dataclasses import dataclass

import torch
from torch.distributions import Categorical


@dataclass
class Experience:
    old_log_prob: torch.Tensor
    values: torch.Tensor
    token_level_rewards: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


def look(policy, critic, ids):
    """Log-probabilities and values, moved one place to the right; position 0 is not looked at."""
    logits, values = policy(ids), critic(ids)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).roll(1, dims=1)
    log_prob = Categorical(logits=logits, validate_args=False).log_prob(ids)
    return log_prob, values.to(logits.dtype).roll(1, dims=1)


def make_experience(
    policy, critic, ref, input_ids, response_mask, scores, *, beta=0.05, gamma=1.0, lam=0.95
):
    m = response_mask
    if not m.any(1).all() or m[:, 0].any():
        raise ValueError("a row without response, or with one that starts at 0")
    with torch.no_grad():
        old, values = look(policy, critic, input_ids)
        other, _ = look(ref, critic, input_ids)
        order = m.cumsum(dim=1)  # 1 at the first step of a row
        is_last = m & (order == order[:, -1:])
        rewards = (other - old).mul(beta).masked_fill(~m, 0) + is_last * scores[:, None]
        # the distance in steps, for a step and each later one
        later = (m[:, :, None] & m[:, None, :]) & (order[:, :, None] <= order[:, None, :])
        distance = (order[:, None, :] - order[:, :, None]).clamp(min=0).to(old.dtype)
        following = m[:, :, None] & m[:, None, :] & (distance == 1)
        next_values = (following * values.masked_fill(~m, 0)[:, None, :]).sum(dim=2)
        delta = rewards + gamma * next_values - values
        weight = torch.pow(gamma * lam, distance) * later
        raw = torch.einsum("bij,bj->bi", weight, delta.masked_fill(~m, 0))
        std_mean = torch.var_mean(raw[m])
        white = (raw - std_mean[1]) / torch.sqrt(std_mean[0] + 1e-8)
    return Experience(old, values, rewards, white, raw + values)


def ppo_update(
    policy,
    critic,
    ref,
    optimizer,
    input_ids,
    response_mask,
    scores,
    *,
    beta=0.05,
    gamma=1.0,
    lam=0.95,
    cliprange=0.2,
    cliprange_value=0.2,
    vf_coef=0.1,
    ppo_epochs=4,
    mini_batch_size=8,
):
    if mini_batch_size < 1:
        raise ValueError("mini_batch_size must be positive")
    e = make_experience(
        policy, critic, ref, input_ids, response_mask, scores, beta=beta, gamma=gamma, lam=lam
    )
    of_row = torch.arange(input_ids.shape[0], device=input_ids.device) // mini_batch_size
    total, count = torch.zeros(4, dtype=torch.float64), 0
    for _ in range(ppo_epochs):
        for i in range(int(of_row[-1]) + 1):
            here = response_mask & (of_row == i)[:, None]
            log_prob, v = look(policy, critic, input_ids)
            log_ratio = (log_prob - e.old_log_prob)[here]
            ratio, A = log_ratio.exp(), e.advantages[here]
            surrogate = torch.stack([ratio * A, ratio.clip(1 - cliprange, 1 + cliprange) * A])
            pg_loss = -surrogate.amin(dim=0).mean()
            v, was, target = v[here], e.values[here], e.returns[here]
            v = torch.stack([v, v.clip(was - cliprange_value, was + cliprange_value)])
            vf_loss = (v - target).square().amax(dim=0).mean().div(2)
            for model in (policy, critic):
                model.zero_grad()
            (pg_loss + vf_coef * vf_loss).backward()
            optimizer.step()
            clipped = (surrogate[1] < surrogate[0]).double().mean()
            numbers = (pg_loss, vf_loss, clipped, -log_ratio.mean())
            total += torch.stack([x.detach().double().cpu() for x in numbers])
            count += 1
    names = ["pg_loss", "vf_loss", "pg_clipfrac", "ppo_kl"]
    return dict(zip(names, (total / count).tolist(), strict=True))
