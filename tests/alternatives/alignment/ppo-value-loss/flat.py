"""Only the response tokens, in one row; the step is clipped, not the value."""

import torch


def compute_value_loss(vpreds, returns, values, response_mask, cliprange_value):
    wide = torch.promote_types(vpreds.dtype, torch.float32)
    new = vpreds[response_mask].to(wide)
    with torch.no_grad():
        old, target = values[response_mask].to(wide), returns[response_mask].to(wide)
    n = max(len(new), 1)
    step = torch.clip(new - old, -cliprange_value, cliprange_value)
    errors = torch.stack([(new - target) ** 2, (old + step - target) ** 2])
    worst = errors.max(dim=0).values
    with torch.no_grad():
        share = (errors[1] > errors[0]).sum().to(wide) / n
    return 0.5 * worst.sum() / n, share
