"""One pick after the other; multinomial without replacement draws the same distribution."""

import torch


def plackett_luce_loss(scores, ranking, lengths, *, top=None):
    if top is not None and top <= 0:
        raise ValueError("top")
    kind = torch.float64 if scores.dtype == torch.float64 else torch.float32
    losses = []
    for row, order, n in zip(scores, ranking, lengths.tolist(), strict=True):
        s = row[order[:n]].to(kind)
        loss = s[:0].sum()
        for i in range(n if top is None else min(n, top)):
            loss = loss - torch.log_softmax(s[i:], 0)[0]
        losses.append(loss)
    return torch.stack(losses).mean()


def sample_rankings(scores, n, generator):
    if n == 0:
        return torch.zeros(0, len(scores), dtype=torch.long, device=scores.device)
    p = torch.softmax(scores.double(), 0).expand(n, -1)
    return torch.multinomial(p, len(scores), replacement=False, generator=generator)
