"""The kept losses in one row, added to their sequences by index_add."""

import torch


def agg_loss(
    loss_mat,
    loss_mask,
    loss_agg_mode,
    dp_size=1,
    batch_num_tokens=None,
    global_batch_size=None,
    loss_scale_factor=None,
):
    if loss_agg_mode == "token-mean":
        denominator = batch_num_tokens
    elif loss_agg_mode.startswith("seq-mean-token-") and loss_agg_mode[15:] in (
        "sum",
        "mean",
        "sum-norm",
    ):
        denominator = global_batch_size
    else:
        raise ValueError(f"{loss_agg_mode} is unknown")
    if dp_size > 1 and denominator is None:
        raise ValueError("denominator")

    kept = torch.masked_select(loss_mat, loss_mask).double()
    row, _ = torch.nonzero(loss_mask, as_tuple=True)
    lengths = torch.bincount(row, minlength=len(loss_mat))
    sums = kept.new_zeros(len(loss_mat)).index_add(0, row, kept)
    present = lengths > 0
    if denominator is None:
        denominator = len(kept) if loss_agg_mode == "token-mean" else int(present.sum())
    if loss_agg_mode == "seq-mean-token-mean":
        sums = sums[present] / lengths[present]
    elif loss_agg_mode == "seq-mean-token-sum-norm":
        sums = sums / (loss_scale_factor or loss_mask.shape[-1])
    loss = dp_size * sums.sum() / max(denominator, 1)
    return loss if loss_mat.dtype == torch.float64 else loss.float()
