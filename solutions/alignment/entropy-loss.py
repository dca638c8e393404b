"""veRL compute_entropy_loss."""

import torch
from torch import Tensor


def compute_entropy_loss(logits: Tensor, response_mask: Tensor) -> Tensor:
    """Drop padding first, so that nothing in it is ever computed with."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_p = logits[response_mask].to(dtype).log_softmax(dim=-1)  # (tokens, V)
    p = log_p.exp()
    # where p is 0 log_p may be -inf, and 0 * -inf is NaN
    entropy = -(p * log_p.masked_fill(p == 0, 0)).sum(dim=-1)
    return entropy.sum() / max(len(entropy), 1)
