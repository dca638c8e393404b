"""One row and one place at a time, as the paper's algorithm reads."""

import torch


def pick(weights, u):
    target = u * sum(weights)
    for token, weight in enumerate(weights):
        target -= weight
        if target < 0:
            return token
    return max(range(len(weights)), key=weights.__getitem__)


def verify_drafts(p, q, drafts, *, generator):
    if p.size(1) - q.size(1) != 1:
        raise ValueError("p needs one place more than q")
    B, K = drafts.shape
    uniforms = torch.rand(
        B, K + 1, generator=generator, dtype=torch.float64, device=p.device
    ).tolist()
    final = torch.rand(B, generator=generator, dtype=torch.float64, device=p.device).tolist()
    device, p, q, rows = p.device, p.tolist(), q.tolist(), []
    for b, row in enumerate(drafts.tolist()):
        out = []
        for i, x in enumerate(row):
            if uniforms[b][i] < min(1.0, p[b][i][x] / q[b][i][x]):
                out.append(x)
                continue
            rest = [max(0.0, a - c) for a, c in zip(p[b][i], q[b][i], strict=True)]
            out.append(pick(rest, final[b]))
            break
        else:
            out.append(pick(p[b][K], final[b]))
        rows.append(out + [-1] * (K + 1 - len(out)))
    return torch.tensor(rows, device=device)
