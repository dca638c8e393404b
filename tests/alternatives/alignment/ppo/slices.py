"""veRL's way: everything is (B, T - 1), masked sums, two losses pulled back one after the other."""

from typing import NamedTuple

import torch
import torch.nn.functional as F


class Experience(NamedTuple):
    old_log_prob: torch.Tensor
    values: torch.Tensor
    token_level_rewards: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


def masked_mean(x, mask):
    return torch.where(mask, x, torch.zeros_like(x)).sum() / mask.sum()


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def logprobs(model, ids, mask):
    """(B, T - 1), 0 where there is no response."""
    logits = wide(model(ids)[:, :-1])
    lp = torch.take_along_dim(logits, ids[:, 1:].unsqueeze(-1), -1).squeeze(-1)
    lp = lp - torch.logsumexp(logits, -1)
    return lp.masked_fill(~mask, 0.0)


def compute(policy, critic, ref, input_ids, response_mask, scores, beta, gamma, lam):
    if bool(response_mask[:, 0].any()) or int(response_mask.sum(1).min()) == 0:
        raise ValueError("response_mask")
    with torch.no_grad():
        mask = response_mask[:, 1:]
        old = logprobs(policy, input_ids, mask)
        values = wide(critic(input_ids))[:, :-1].masked_fill(~mask, 0.0)
        rewards = beta * (logprobs(ref, input_ids, mask) - old)
        width = mask.shape[1]
        last = width - 1 - mask.flip(1).int().argmax(1)
        rewards[torch.arange(len(rewards), device=rewards.device), last] += scores
        next_values = torch.zeros_like(scores, dtype=values.dtype)
        carried = torch.zeros_like(next_values)
        found = []
        for t in range(width - 1, -1, -1):
            m = mask[:, t].to(values.dtype)
            delta = rewards[:, t] + gamma * next_values - values[:, t]
            fresh = delta + gamma * lam * carried
            next_values = values[:, t] * m + (1 - m) * next_values
            carried = fresh * m + (1 - m) * carried
            found.append(carried)
        raw = torch.stack(found[::-1], dim=1)
        returns = raw + values
        mean = masked_mean(raw, mask)
        var = masked_mean((raw - mean) ** 2, mask)
        n = mask.sum()
        adv = (raw - mean) * torch.rsqrt(var * n / (n - 1) + 1e-8)
    return old, values, rewards, adv, returns


def make_experience(
    policy,
    critic,
    ref,
    input_ids,
    response_mask,
    scores,
    *,
    beta=0.05,
    gamma=1.0,
    lam=0.95,
):
    found = compute(policy, critic, ref, input_ids, response_mask, scores, beta, gamma, lam)
    return Experience(*(F.pad(x, (1, 0), value=float("nan")) for x in found))


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
    if mini_batch_size <= 0:
        raise ValueError("mini_batch_size")
    data = compute(policy, critic, ref, input_ids, response_mask, scores, beta, gamma, lam)
    parts = [x.split(mini_batch_size) for x in (input_ids, response_mask[:, 1:], *data)]
    log = {"pg_loss": [], "vf_loss": [], "pg_clipfrac": [], "ppo_kl": []}
    for _ in range(ppo_epochs):
        for ids, mask, old, values, _rewards, adv, returns in zip(*parts, strict=True):
            optimizer.zero_grad()
            log_ratio = logprobs(policy, ids, mask) - old
            ratio = torch.exp(log_ratio)
            losses1 = -adv * ratio
            losses2 = -adv * torch.clamp(ratio, 1.0 - cliprange, 1.0 + cliprange)
            pg_loss = masked_mean(torch.max(losses1, losses2), mask)
            pg_loss.backward()
            vpreds = wide(critic(ids))[:, :-1]
            vclipped = values + torch.clamp(vpreds - values, -cliprange_value, cliprange_value)
            vf = torch.max((vpreds - returns) ** 2, (vclipped - returns) ** 2)
            vf_loss = 0.5 * masked_mean(vf, mask)
            (vf_coef * vf_loss).backward()
            optimizer.step()
            log["pg_loss"].append(pg_loss.item())
            log["vf_loss"].append(vf_loss.item())
            log["pg_clipfrac"].append(masked_mean((losses2 > losses1).double(), mask).item())
            log["ppo_kl"].append(-masked_mean(log_ratio, mask).item())
    return {name: sum(values) / len(values) for name, values in log.items()}
