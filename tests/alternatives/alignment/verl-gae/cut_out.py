"""Each row's response tokens cut out, plain GAE on them, and put back."""

import torch


@torch.no_grad()
def compute_gae_advantage_return(token_level_rewards, values, response_mask, gamma, lam):
    kind = torch.float64 if token_level_rewards.dtype == torch.float64 else torch.float32
    all_advantages, all_returns = [], []
    for r, v, m in zip(token_level_rewards, values, response_mask, strict=True):
        r, v = r[m].to(kind), v[m].to(kind)
        after = torch.cat([v[1:], v.new_zeros(1)])[: len(v)]
        delta = r + gamma * after - v
        total, out = 0.0, []
        for x in delta.tolist()[::-1]:
            total = x + gamma * lam * total
            out.append(total)
        a = v.new_tensor(out[::-1])
        all_advantages.append(a)
        all_returns.append(a + v)
    flat = torch.cat(all_advantages)
    if flat.numel() <= 1:
        raise ValueError("too few tokens to whiten")
    white = (flat - flat.mean()) / torch.sqrt(flat.var(unbiased=True) + 1e-8)
    nothing = flat.new_zeros(response_mask.shape)
    return (
        nothing.masked_scatter(response_mask, white),
        nothing.masked_scatter(response_mask, torch.cat(all_returns)),
    )
