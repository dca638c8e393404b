"""One token of the response at a time, and only what can be drawn."""

import torch


def compute_entropy_loss(logits, response_mask):
    total = logits[:0].to(torch.promote_types(logits.dtype, torch.float32)).sum()
    count = 0
    for b in range(logits.shape[0]):
        for t in range(logits.shape[1]):
            if not response_mask[b, t]:
                continue
            x = logits[b, t].to(total.dtype)
            x = x[x > -float("inf")]
            log_p = torch.log_softmax(x, 0)
            total = total - torch.dot(log_p.exp(), log_p)
            count += 1
    return total / count if count else total
