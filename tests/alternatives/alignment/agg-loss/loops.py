"""Sequence by sequence; empty ones are skipped."""

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
    loss_mat = loss_mat.to(torch.promote_types(torch.float32, loss_mat.dtype))
    # keeps the graph where nothing counts
    total = loss_mat[:, :0].sum()
    tokens = sequences = 0
    for row, mask in zip(loss_mat, loss_mask, strict=True):
        kept = row[mask]
        if len(kept) == 0:
            continue
        tokens += len(kept)
        sequences += 1
        if loss_agg_mode == "seq-mean-token-mean":
            total = total + kept.mean()
        else:
            total = total + kept.sum()

    if loss_agg_mode == "token-mean":
        given, found = batch_num_tokens, tokens
    elif loss_agg_mode in ("seq-mean-token-sum", "seq-mean-token-mean"):
        given, found = global_batch_size, sequences
    elif loss_agg_mode == "seq-mean-token-sum-norm":
        given, found = global_batch_size, sequences
        scale = loss_mat.shape[-1] if loss_scale_factor is None else loss_scale_factor
        total = total / scale
    else:
        raise ValueError(f"unknown mode {loss_agg_mode}")
    if given is None and dp_size > 1:
        raise ValueError("the counts of this process are not those of the batch")
    if given is None:
        given = found if found else 1
    return total * (dp_size / given)
