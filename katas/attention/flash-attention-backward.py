"""FlashAttention backward from the log-sum-exp."""

import torch
from torch import Tensor


def flash_attention_backward(
    grad_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    *,
    causal: bool = False,
    block_q: int = 64,
    block_k: int = 64,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of q, k and v tile by tile, without the (T_q, T_k) weights.

    The forward pass was out = softmax(q k^T / sqrt(D)) v. It kept no weights, but lse, the
    logarithm of each row's denominator: the weight of key j for query i is
    exp(q_i . k_j / sqrt(D) - lse_i).

    Take lse and out as they are given. They may cover more keys than k and v hold, as in
    ring attention, where each device has a part of the keys: then the results are the
    gradients of this part of k and v, and this part's share of the gradient of q. With
    causal=True they cover just these keys.

    The causal mask aligns the LAST query with the LAST key: query i sees keys
    j <= i + (T_k - T_q). Neither length need be a multiple of its block size, or as large.

    Args:
        grad_out: (B, H, T_q, D_v), the gradient of the loss by out, dtype of q.
        q: (B, H, T_q, D), any floating dtype.
        k: (B, H, T_k, D), dtype of q.
        v: (B, H, T_k, D_v), dtype of q. D_v may differ from D.
        out: (B, H, T_q, D_v), dtype of q: what the forward pass returned.
        lse: (B, H, T_q), the natural logarithm of the sum of exp(score) over the keys that
            the query sees, scores scaled by 1/sqrt(D). float64 if q is float64, else
            float32. -inf where the query sees no key; out is zeros there.
        causal: Whether the forward pass hid later keys from each query.
        block_q, block_k: Rows of q, and of k and v, in a tile. At least 1.

    Returns:
        (grad_q, grad_k, grad_v), each with the shape of what it is the gradient of, and the
        dtype of q. A query that sees no key gets zeros and adds nothing to the others.
        Computed in float32, or in float64 if q is float64, and rounded once at the end,
        sums over tiles included. All tensors may be non-contiguous.

    Memory:
        A tile of scores has B * H * block_q * block_k elements. No new tensor, masks
        included, has more elements than the largest of q, k, v and out, or than two such
        tiles if these are more.

    Raises:
        ValueError: block_q or block_k is less than 1.

    Not allowed:
        Autograd, backward or forward: backward, torch.autograd.grad, torch.func.grad, vjp,
            requires_grad_ and the like. It must also run under torch.inference_mode().
        scaled_dot_product_attention, flex_attention, and torch's own backward functions of
            attention and softmax.
        Changing an argument in place.

    Source:
        Dao et al. 2022, "FlashAttention", algorithm 4, https://arxiv.org/abs/2205.14135,
        and Dao 2023, "FlashAttention-2", algorithm 2, for the log-sum-exp,
        https://arxiv.org/abs/2307.08691
    """
    raise NotImplementedError
