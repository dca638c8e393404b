"""Recursion on the lambda-returns instead: advantages come last, time comes first."""

import torch


def gae(rewards, values, bootstrap_value, dones, *, gamma, lam):
    if rewards.shape != values.shape or rewards.shape != dones.shape:
        raise ValueError("rewards, values, dones")
    if bootstrap_value.ndim != 1 or bootstrap_value.size(0) != rewards.size(0):
        raise ValueError("bootstrap_value")
    dtype = torch.float64 if rewards.dtype == torch.float64 else torch.float32
    r, v = rewards.data.T.to(dtype), values.data.T.to(dtype)
    going_on = 1 - dones.T.to(dtype)

    after = bootstrap_value.data.to(dtype)
    target = after
    targets = []
    for t in range(len(r) - 1, -1, -1):
        target = r[t] + gamma * going_on[t] * ((1 - lam) * after + lam * target)
        after = v[t]
        targets.insert(0, target)
    returns = torch.stack(targets)
    # transposed views: neither result is contiguous
    return (returns - v).T, returns.T
