"""Parallel scan by doubling: after k rounds each step has summed 2^k TD errors."""

import torch


def gae(rewards, values, bootstrap_value, dones, *, gamma, lam):
    want = tuple(rewards.shape)
    if tuple(values.shape) != want or tuple(dones.shape) != want:
        raise ValueError(f"want {want}")
    if tuple(bootstrap_value.shape) != want[:1]:
        raise ValueError(f"want {want[:1]}")
    wide = torch.promote_types(rewards.dtype, torch.float32)
    with torch.no_grad():
        v = values.to(wide)
        alive = dones.logical_not().to(wide)
        following = torch.cat((v[:, 1:], bootstrap_value.to(wide)[:, None]), dim=1)
        total = rewards.to(wide) + gamma * alive * following - v
        decay = gamma * lam * alive
        reach = 1
        while reach < want[1]:
            later_total = torch.nn.functional.pad(total[:, reach:], (0, reach))
            later_decay = torch.nn.functional.pad(decay[:, reach:], (0, reach))
            total, decay = total + decay * later_total, decay * later_decay
            reach *= 2
        return total, total + v
