"""The double sum of the paper, element by element."""

import torch


def gae(rewards, values, bootstrap_value, dones, *, gamma, lam):
    if not rewards.shape == values.shape == dones.shape:
        raise ValueError("rewards, values and dones must have one shape")
    if tuple(bootstrap_value.shape) != (len(rewards),):
        raise ValueError("bootstrap_value must be (B,)")
    out_dtype = torch.float64 if rewards.dtype == torch.float64 else torch.float32
    r, v = rewards.tolist(), values.tolist()
    last, end = bootstrap_value.tolist(), dones.tolist()

    advantages = []
    for b in range(len(r)):
        row = []
        for t in range(len(r[b])):
            total, weight = 0.0, 1.0
            for k in range(t, len(r[b])):
                after = 0.0
                if not end[b][k]:
                    after = last[b] if k == len(r[b]) - 1 else v[b][k + 1]
                total += weight * (r[b][k] + gamma * after - v[b][k])
                weight *= gamma * lam
                if end[b][k]:
                    break
            row.append(total)
        advantages.append(row)
    returns = [
        [a + x for a, x in zip(*rows, strict=True)] for rows in zip(advantages, v, strict=True)
    ]
    return torch.tensor(advantages, dtype=out_dtype), torch.tensor(returns, dtype=out_dtype)
