"""RLOO as n / (n - 1) times the distance to the group's mean; double precision inside."""

import torch


def baseline_advantages(scores, index, baseline):
    out = torch.promote_types(scores.dtype, torch.float32)
    s = scores.detach().double()
    if baseline == "none":
        A = s
    elif baseline == "batch":
        A = s - s.sum() / s.numel()
    elif baseline in ("group", "rloo"):
        A = torch.empty_like(s)
        for prompt in index.unique():
            mine = index == prompt
            n = int(mine.sum())
            centred = s[mine] - s[mine].mean()
            if baseline == "rloo":
                centred = centred * n / (n - 1) if n > 1 else s[mine]
            A[mine] = centred
    else:
        raise ValueError("baseline")
    return A.to(out)


def reinforce_loss(log_prob, advantages, response_mask):
    out = torch.promote_types(log_prob.dtype, torch.float32)
    row, step = response_mask.nonzero(as_tuple=True)
    weight = advantages.data.double()[row] / len(log_prob)
    return torch.neg(torch.dot(weight, log_prob[row, step].double())).to(out)
