"""A list of steps (row, position), flat vectors over it, and Python floats for the advantages."""

import statistics
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy


@dataclass
class Experience:
    old_log_prob: torch.Tensor
    values: torch.Tensor
    token_level_rewards: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


def steps_of(response_mask):
    rows = [[t for t, is_step in enumerate(row) if is_step] for row in response_mask.tolist()]
    for row in rows:
        if not row or row[0] == 0:
            raise ValueError(f"steps {row}")
    return rows


def flat(rows, first=0):
    return [(b, t) for b, row in enumerate(rows, start=first) for t in row]


def said(model, ids, steps, b0=0):
    """What a model says of the tokens at these places, as one vector."""
    b = [b - b0 for b, _ in steps]
    before = [t - 1 for _, t in steps]
    out = model(ids)[b, before]
    out = out.to(torch.promote_types(out.dtype, torch.float32))
    if out.dim() == 1:
        return out
    return -cross_entropy(out, ids[b, [t for _, t in steps]], reduction="none")


def make_experience(
    policy, critic, ref, input_ids, response_mask, scores, *, beta=0.05, gamma=1.0, lam=0.95
):
    rows = steps_of(response_mask)
    steps = flat(rows)
    with torch.no_grad():
        old, reference, values = (said(m, input_ids, steps) for m in (policy, ref, critic))
    rewards = (-beta * (old - reference)).tolist()
    state = values.tolist()
    advantages = []
    i = len(steps)
    for b in reversed(range(len(rows))):
        A = after = 0.0
        for k in range(len(rows[b])):
            i -= 1
            if k == 0:
                rewards[i] += scores[b].item()
            A = rewards[i] + gamma * after - state[i] + gamma * lam * A
            after = state[i]
            advantages.insert(0, A)
    returns = [a + v for a, v in zip(advantages, state, strict=True)]
    middle = statistics.fmean(advantages)
    spread = (statistics.variance(advantages) + 1e-8) ** 0.5
    advantages = [(a - middle) / spread for a in advantages]

    def spread_out(numbers):
        x = torch.zeros(input_ids.shape, dtype=old.dtype, device=input_ids.device)
        x[response_mask] = torch.as_tensor(numbers, dtype=old.dtype, device=input_ids.device)
        return x

    return Experience(*map(spread_out, (old, values, rewards, advantages, returns)))


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
        raise ValueError(mini_batch_size)
    models = policy, critic, ref
    e = make_experience(*models, input_ids, response_mask, scores, beta=beta, gamma=gamma, lam=lam)
    rows = steps_of(response_mask)
    seen = []
    for _epoch in range(ppo_epochs):
        first = 0
        while first < len(rows):
            steps = flat(rows[first : first + mini_batch_size], first)
            ids = input_ids[first : first + mini_batch_size]
            at = tuple(zip(*steps, strict=True))
            old, A, was, target = (
                x[list(at[0]), list(at[1])]
                for x in (e.old_log_prob, e.advantages, e.values, e.returns)
            )
            new, v = said(policy, ids, steps, first), said(critic, ids, steps, first)

            r = torch.exp(new - old)
            gain = r * A
            # the gradient stops where the ratio has gone too far in the direction of A
            too_far = torch.where(A > 0, r > 1 + cliprange, (A < 0) & (r < 1 - cliprange))
            bound = torch.where(A > 0, 1 + cliprange, 1 - cliprange) * A
            pg = -torch.where(too_far, bound, gain).sum() / len(steps)

            near = torch.minimum(torch.maximum(v, was - cliprange_value), was + cliprange_value)
            e1, e2 = (v - target).pow(2), (near.detach() - target).pow(2)
            outside = (v - was).abs() > cliprange_value
            vf = 0.5 * torch.where(outside & (e2 > e1), e2, e1).sum() / len(steps)

            optimizer.zero_grad()
            loss = pg + vf_coef * vf
            loss.backward()
            optimizer.step()
            kl = (old - new).sum().item() / len(steps)
            seen.append((pg.item(), vf.item(), too_far.sum().item() / len(steps), kl))
            first += mini_batch_size
    pg, vf, clipped, kl = (statistics.fmean(column) for column in zip(*seen, strict=True))
    return {"pg_loss": pg, "vf_loss": vf, "pg_clipfrac": clipped, "ppo_kl": kl}
