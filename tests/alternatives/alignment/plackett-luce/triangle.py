"""The largest score of each row taken out, then sums of exponentials by a matrix."""

import torch


def plackett_luce_loss(scores, ranking, lengths, *, top=None):
    K = scores.size(1)
    k = K if top is None else top
    if not k >= 1:
        raise ValueError("top must be positive")
    out = torch.promote_types(scores.dtype, torch.float32)
    total = scores.new_zeros((), dtype=torch.float64)
    for n in sorted(set(lengths.tolist())):
        if n == 0:
            continue
        rows = (lengths == n).nonzero()[:, 0]
        s = scores[rows[:, None], ranking[rows, :n]].double()
        # differences to all that are left: log of the sum of exp(s_j - s_i)
        gap = s[:, None, :] - s[:, :, None]
        gone = torch.ones(n, n, dtype=torch.bool, device=s.device).tril(-1)
        gap = gap.masked_fill(gone, -torch.inf)
        total = total + gap.logsumexp(-1)[:, :k].sum()
    if not total.requires_grad and scores.requires_grad:
        total = total + 0 * scores[:, :0].sum()
    return (total / len(scores)).to(out)


def sample_rankings(scores, n, generator):
    rankings = []
    u = torch.rand(n, len(scores), generator=generator, device=scores.device, dtype=torch.float64)
    left = torch.ones(n, len(scores), dtype=torch.float64, device=scores.device)
    for place in range(len(scores)):
        # by the inverse of the cumulative distribution over what is left
        p = left * torch.exp(scores.double() - scores.double().max())
        cdf = p.cumsum(1)
        pick = (cdf <= u[:, place : place + 1] * cdf[:, -1:]).sum(1).clamp(max=len(scores) - 1)
        left = left.scatter(1, pick[:, None], 0.0)
        rankings.append(pick)
    return torch.stack(rankings, dim=1)
