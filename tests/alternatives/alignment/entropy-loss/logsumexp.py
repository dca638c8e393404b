"""log Z less the expected logit, after the largest logit is taken out of each row."""

import torch


def compute_entropy_loss(logits, response_mask):
    wide = torch.promote_types(torch.float32, logits.dtype)
    rows = torch.masked_select(logits, response_mask[..., None]).view(-1, logits.size(-1))
    x = rows.to(wide)
    x = x - x.detach().amax(dim=-1, keepdim=True)
    e = torch.exp(x)
    Z = e.sum(-1)
    finite = torch.where(torch.isinf(x), torch.zeros_like(x), x)
    entropy = Z.log() - (e * finite).sum(-1) / Z
    return entropy.sum() / max(entropy.numel(), 1)
