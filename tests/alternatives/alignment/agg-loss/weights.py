"""One weight for each token, then a single sum of products."""

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
    wide = torch.float64 if loss_mat.dtype == torch.float64 else torch.float32
    n = loss_mask.to(wide).sum(1, keepdim=True)
    per_token = {
        "token-mean": torch.ones_like(n),
        "seq-mean-token-sum": torch.ones_like(n),
        "seq-mean-token-mean": torch.where(n > 0, 1 / n, 0.0 * n),
        "seq-mean-token-sum-norm": torch.ones_like(n) / (loss_scale_factor or loss_mat.size(1)),
    }
    if loss_agg_mode not in per_token:
        raise ValueError(loss_agg_mode)
    if loss_agg_mode == "token-mean":
        total = batch_num_tokens
        local = n.sum()
    else:
        total = global_batch_size
        local = torch.count_nonzero(n)
    if total is None:
        if dp_size != 1:
            raise ValueError("global count needed")
        total = max(local.item(), 1)
    weight = loss_mask * per_token[loss_agg_mode] * (dp_size / total)
    clean = torch.where(loss_mask, loss_mat, torch.zeros_like(loss_mat)).to(wide)
    return torch.einsum("bt,bt->", clean, weight.to(wide))
