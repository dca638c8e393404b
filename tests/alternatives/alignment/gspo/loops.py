"""One response at a time."""

import torch


def _responses(log_prob, old_log_prob, advantages, response_mask):
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    for new, old, A, keep in zip(log_prob, old_log_prob, advantages, response_mask, strict=True):
        new, old, A = new.to(kind), old.detach().to(kind), A.detach().to(kind)
        yield new[keep], old[keep], A[keep] if A.dim() else A


def _nothing(log_prob):
    kind = torch.float64 if log_prob.dtype == torch.float64 else torch.float32
    return log_prob[:, :0].to(kind).sum()


def gspo_loss(log_prob, old_log_prob, advantages, response_mask, *, clip_low=3e-4, clip_high=4e-4):
    loss, cut = _nothing(log_prob), 0
    for new, old, A in _responses(log_prob, old_log_prob, advantages, response_mask):
        if len(new) == 0:
            continue
        s = torch.exp((new - old).mean())
        bounded = torch.clip(s, 1 - clip_low, 1 + clip_high)
        if (bounded * A < s * A).item():
            loss = loss - bounded * A
            cut += 1
        else:
            loss = loss - s * A
    return loss / len(log_prob), loss.new_tensor(cut / len(log_prob))


def gspo_token_loss(
    log_prob, old_log_prob, advantages, response_mask, *, clip_low=3e-4, clip_high=4e-4
):
    loss, cut = _nothing(log_prob), 0.0
    for new, old, A in _responses(log_prob, old_log_prob, advantages, response_mask):
        n = len(new)
        if not n:
            continue
        s = torch.exp((new.detach() - old).mean())
        for lp, a in zip(new, A, strict=True):
            r = s * torch.exp(lp - lp.detach())
            bounded = torch.clip(r, 1 - clip_low, 1 + clip_high)
            loss = loss - torch.minimum(r * a, bounded * a) / n
            cut += (bounded * a < r * a).item() / n
    return loss / len(log_prob), loss.new_tensor(cut / len(log_prob))
