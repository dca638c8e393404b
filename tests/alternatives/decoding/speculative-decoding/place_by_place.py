"""All rows at once, place after place, with a mask of the rows that still go on."""

import torch


def verify_drafts(p, q, drafts, *, generator):
    K = drafts.shape[1]
    if p.shape[1] != K + 1 or q.shape[1] != K:
        raise ValueError((p.shape, q.shape))
    rows = torch.arange(len(p), device=p.device)
    out = torch.full((len(p), K + 1), -1, device=p.device)
    alive = torch.ones(len(p), dtype=torch.bool, device=p.device)
    for i in range(K):
        x = drafts[:, i]
        ratio = (p[rows, i, x] / q[rows, i, x]).clamp(max=1)
        coin = torch.empty_like(ratio).uniform_(generator=generator)
        yes = alive & (coin < ratio)
        no = alive & ~yes
        out[yes, i] = x[yes]
        rest = torch.relu(p[no, i] - q[no, i])
        if len(rest):
            rest = rest / rest.sum(-1, keepdim=True)
            out[no, i] = torch.multinomial(rest, 1, generator=generator).squeeze(1)
        alive = yes
    if alive.any():
        out[alive, K] = torch.multinomial(p[alive, K], 1, generator=generator).squeeze(1)
    return out
