"""One token at a time."""

import torch


def compute_value_loss(vpreds, returns, values, response_mask, cliprange_value):
    kind = torch.float64 if vpreds.dtype == torch.float64 else torch.float32
    loss = vpreds[:0].to(kind).sum()
    clips = count = 0
    for b, t in response_mask.nonzero().tolist():
        v = vpreds[b, t].to(kind)
        old, target = values[b, t].item(), returns[b, t].item()
        plain = (v - target) ** 2
        if v.item() > old + cliprange_value:
            bound = old + cliprange_value
        elif v.item() < old - cliprange_value:
            bound = old - cliprange_value
        else:
            bound = None
        if bound is not None and (bound - target) ** 2 > plain.item():
            loss = loss + (bound - target) ** 2 / 2
            clips += 1
        else:
            loss = loss + plain / 2
        count += 1
    count = max(count, 1)
    return loss / count, loss.new_tensor(clips / count)
