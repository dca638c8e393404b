"""Token by token, from the end of each response."""

import torch


def token_kl_loss(log_prob, old_log_prob, ref_log_prob, response_mask):
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    total = log_prob[:0].to(kind).sum()
    places = response_mask.nonzero().tolist()
    for b, t in places:
        p = log_prob[b, t].to(kind)
        old, ref = old_log_prob[b, t].item(), ref_log_prob[b, t].item()
        k3 = torch.exp(ref - p) - (ref - p) - 1
        total = total + torch.exp(p - old) * k3
    return total / max(len(places), 1)


def sequence_kl_loss(log_prob, ref_log_prob, response_mask):
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    total = log_prob[:0].to(kind).sum()
    for new, ref, mask in zip(log_prob, ref_log_prob, response_mask.tolist(), strict=True):
        cost = 0.0
        for t in reversed(range(len(mask))):
            if not mask[t]:
                continue
            p = new[t].to(kind)
            step = p.item() - ref[t].item()
            cost += step
            # a number and a slope
            total = total + step + cost * (p - p.detach())
    return total / len(log_prob)
