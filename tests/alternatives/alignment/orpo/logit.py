"""log1mexp in two branches, and a cross entropy of two classes; double precision inside."""

import torch


def _log1mexp(x):
    # each branch where it is exact; the other one gets a harmless number
    near = x > -0.6931
    a = torch.log(-torch.expm1(torch.where(near, x, torch.full_like(x, -0.5))))
    b = torch.log1p(-torch.exp(torch.where(near, torch.full_like(x, -1.0), x)))
    return torch.where(near, a, b)


def orpo_loss(chosen_log_prob, rejected_log_prob, chosen_mask, rejected_mask, *, beta=0.1):
    out = torch.promote_types(chosen_log_prob.dtype, torch.float32)

    def average(x, mask):
        clean = torch.where(mask, x, torch.zeros_like(x)).double()
        return torch.einsum("bt,b->b", clean, 1 / mask.double().sum(1))

    c, r = average(chosen_log_prob, chosen_mask), average(rejected_log_prob, rejected_mask)
    odds = torch.stack([c - _log1mexp(c), r - _log1mexp(r)], dim=1)
    preference = -odds.log_softmax(dim=1)[:, 0]
    loss = torch.mean(beta * preference - c).to(out)
    with torch.no_grad():
        return loss, -c.mean().to(out), (odds[:, 0] - odds[:, 1]).to(out)
