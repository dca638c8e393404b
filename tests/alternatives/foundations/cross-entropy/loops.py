"""One target at a time."""

import itertools

import torch


def _loss(row, target, smoothing):
    top = row.max()
    log_total = top + torch.log(torch.exp(row - top).sum())
    loss = log_total - row[target]
    if smoothing:
        loss = (1 - smoothing) * loss + smoothing * (log_total - row).sum() / len(row)
    return loss


def cross_entropy(logits, targets, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    if reduction not in {"mean", "sum", "none"}:
        raise ValueError("reduction: " + repr(reduction))
    x = logits if logits.dtype == torch.float64 else logits.float()
    losses, count = [], 0
    for place in itertools.product(*map(range, targets.shape)):
        target = int(targets[place])
        row = x[(place[0], slice(None), *place[1:])]
        if target == ignore_index:
            losses.append(x.new_zeros(()))
            continue
        if not 0 <= target < x.shape[1]:
            raise ValueError(f"no class {target}")
        losses.append(_loss(row, target, label_smoothing))
        count += 1
    # an ignored loss hangs on nothing: keep a path to the logits
    flat = torch.stack(losses) if losses else x.new_zeros(0)
    flat = flat + x.masked_fill(x.isinf(), 0).sum() * 0
    if reduction == "none":
        return flat.reshape(targets.shape)
    return flat.sum() / max(count, 1) if reduction == "mean" else flat.sum()
