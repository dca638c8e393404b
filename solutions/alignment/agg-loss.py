"""veRL agg_loss: every aggregation mode."""

import torch
from torch import Tensor

MODES = ("token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm")


def agg_loss(
    loss_mat: Tensor,
    loss_mask: Tensor,
    loss_agg_mode: str,
    dp_size: int = 1,
    batch_num_tokens: int | None = None,
    global_batch_size: int | None = None,
    loss_scale_factor: float | None = None,
) -> Tensor:
    """Make one number of each row, add them, and divide by a count of the whole batch."""
    if loss_agg_mode not in MODES:
        raise ValueError(f"no mode {loss_agg_mode!r}: it is one of {', '.join(MODES)}")
    dtype = torch.promote_types(loss_mat.dtype, torch.float32)
    # not a product with the mask: inf * 0 is NaN
    sums = loss_mat.to(dtype).masked_fill(~loss_mask, 0).sum(dim=1)  # (B,)
    lengths = loss_mask.sum(dim=1)  # (B,)

    if loss_agg_mode == "token-mean":
        whole, seen = batch_num_tokens, lengths.sum()
    else:
        whole, seen = global_batch_size, (lengths > 0).sum()
    if whole is None and dp_size > 1:
        raise ValueError(f"one of {dp_size} processes cannot count the whole batch")
    count = seen.clamp(min=1) if whole is None else whole

    if loss_agg_mode == "seq-mean-token-mean":
        sums = sums / lengths.clamp(min=1)
    if loss_agg_mode == "seq-mean-token-sum-norm":
        sums = sums / (loss_mat.shape[1] if loss_scale_factor is None else loss_scale_factor)
    return sums.sum() / count * dp_size
