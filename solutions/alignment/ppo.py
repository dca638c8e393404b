"""PPO for a language model, one whole update."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


@dataclass
class Experience:
    """What is known of each response token before the update; each field is (B, T)."""

    old_log_prob: Tensor
    values: Tensor
    token_level_rewards: Tensor
    advantages: Tensor
    returns: Tensor


def token_log_prob(model: nn.Module, input_ids: Tensor) -> Tensor:
    """Logits at t - 1 score the token at t."""
    logits = model(input_ids)[:, :-1]
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_prob = logits.to(dtype).log_softmax(dim=-1).gather(-1, input_ids[:, 1:, None])
    return pad(log_prob.squeeze(-1), (1, 0))  # (B, T)


def state_values(critic: nn.Module, input_ids: Tensor) -> Tensor:
    """The value at t - 1 is that of the state in which the token at t was chosen."""
    values = critic(input_ids)[:, :-1]
    return pad(values.to(torch.promote_types(values.dtype, torch.float32)), (1, 0))  # (B, T)


@torch.no_grad()
def make_experience(
    policy: nn.Module,
    critic: nn.Module,
    ref: nn.Module,
    input_ids: Tensor,
    response_mask: Tensor,
    scores: Tensor,
    *,
    beta: float = 0.05,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Experience:
    """Penalise, add the score to the last step, walk back, whiten."""
    if response_mask[:, 0].any() or not response_mask.any(dim=1).all():
        raise ValueError("each row needs a response token, and none at position 0")
    old_log_prob = token_log_prob(policy, input_ids)
    values = state_values(critic, input_ids)

    rewards = -beta * (old_log_prob - token_log_prob(ref, input_ids))
    positions = torch.arange(input_ids.shape[1], device=input_ids.device)
    last = (positions * response_mask).argmax(dim=1, keepdim=True)  # (B, 1)
    rewards = rewards.scatter_add(1, last, scores[:, None].to(rewards.dtype))

    advantages = torch.zeros_like(values)
    next_value = next_advantage = torch.zeros_like(values[:, 0])
    for t in reversed(range(input_ids.shape[1])):
        step = response_mask[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        # what is no step leaves what is carried as it is
        next_advantage = torch.where(step, delta + gamma * lam * next_advantage, next_advantage)
        next_value = torch.where(step, values[:, t], next_value)
        advantages[:, t] = next_advantage
    returns = advantages + values

    kept = advantages[response_mask]
    advantages = (advantages - kept.mean()) / (kept.var() + 1e-8).sqrt()
    return Experience(old_log_prob, values, rewards, advantages, returns)


def ppo_update(
    policy: nn.Module,
    critic: nn.Module,
    ref: nn.Module,
    optimizer: torch.optim.Optimizer,
    input_ids: Tensor,
    response_mask: Tensor,
    scores: Tensor,
    *,
    beta: float = 0.05,
    gamma: float = 1.0,
    lam: float = 0.95,
    cliprange: float = 0.2,
    cliprange_value: float = 0.2,
    vf_coef: float = 0.1,
    ppo_epochs: int = 4,
    mini_batch_size: int = 8,
) -> dict[str, float]:
    """Experience once, then two clipped losses a mini-batch, over its response tokens."""
    if mini_batch_size < 1:
        raise ValueError(f"mini_batch_size must be at least 1, got {mini_batch_size}")
    batch = make_experience(
        policy, critic, ref, input_ids, response_mask, scores, beta=beta, gamma=gamma, lam=lam
    )
    metrics = []
    for _ in range(ppo_epochs):
        for start in range(0, len(input_ids), mini_batch_size):
            rows = slice(start, start + mini_batch_size)
            ids, mask = input_ids[rows], response_mask[rows]
            old, A, values, returns = (
                x[rows][mask]
                for x in (batch.old_log_prob, batch.advantages, batch.values, batch.returns)
            )  # each (tokens,)
            log_prob = token_log_prob(policy, ids)[mask]
            vpreds = state_values(critic, ids)[mask]

            ratio = (log_prob - old).exp()
            unclipped, clipped = -A * ratio, -A * ratio.clamp(1 - cliprange, 1 + cliprange)
            pg_loss = torch.maximum(unclipped, clipped).mean()

            vpred_clipped = vpreds.clamp(values - cliprange_value, values + cliprange_value)
            errors = (vpreds - returns).square(), (vpred_clipped - returns).square()
            vf_loss = torch.maximum(*errors).mean() / 2

            optimizer.zero_grad()
            torch.autograd.backward(pg_loss + vf_coef * vf_loss)
            optimizer.step()
            clipfrac = (clipped > unclipped).to(A.dtype).mean()
            metrics.append(
                torch.stack([pg_loss, vf_loss, clipfrac, (old - log_prob).mean()]).detach()
            )

    names = ("pg_loss", "vf_loss", "pg_clipfrac", "ppo_kl")
    means = torch.stack(metrics).mean(dim=0).tolist()
    return dict(zip(names, means, strict=True))
