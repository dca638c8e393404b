"""Everything flat: one row of tokens with the number of its response; double inside."""

import torch


def _flat(log_prob, old_log_prob, response_mask):
    row = response_mask.nonzero()[:, 0]
    new = log_prob[response_mask].double()
    old = old_log_prob.detach()[response_mask].double()
    n = response_mask.sum(1).double()
    gap = new.new_zeros(len(log_prob)).index_add(0, row, new - old)
    return row, new, n, torch.exp(gap / n.clamp(min=1))


def _objective(r, A, low, high):
    both = torch.stack([r * A, torch.clamp(r, 1 - low, 1 + high) * A])
    return both.amin(0), (both[1] < both[0]).double()


def _out(log_prob):
    return torch.float64 if log_prob.dtype == torch.float64 else torch.float32


def gspo_loss(log_prob, old_log_prob, advantages, response_mask, *, clip_low=3e-4, clip_high=4e-4):
    _, _, n, s = _flat(log_prob, old_log_prob, response_mask)
    A = torch.where(n > 0, advantages.detach().double(), torch.zeros_like(n))
    # amin shares the gradient among equals; both carry the same one inside the range
    gain, cut = _objective(s, A, clip_low, clip_high)
    return -gain.mean().to(_out(log_prob)), cut.mean().to(_out(log_prob))


def gspo_token_loss(
    log_prob, old_log_prob, advantages, response_mask, *, clip_low=3e-4, clip_high=4e-4
):
    row, new, n, s = _flat(log_prob, old_log_prob, response_mask)
    A = advantages.detach()[response_mask].double()
    r = s.detach()[row] * torch.exp(new - new.detach())
    gain, cut = _objective(r, A, clip_low, clip_high)
    weight = 1 / n[row] / len(log_prob)
    return -(gain * weight).sum().to(_out(log_prob)), (cut * weight).sum().to(_out(log_prob))
