"""Multi-head attention backward by hand."""

import torch
from torch import Tensor


def mha_backward(
    grad_out: Tensor,
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    n_heads: int,
    *,
    causal: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of x and of the four weights, worked out by hand.

    The forward pass is multi-head self-attention without biases. Weights are laid out as
    in nn.Linear, (out, in), and with D = d_model / n_heads, head h owns channels h * D to
    (h + 1) * D - 1 of q, k and v:

        q, k, v = x @ w_q^T, x @ w_k^T, x @ w_v^T
        head_h  = softmax(q_h k_h^T / sqrt(D)) v_h      softmax over the keys
        y       = concat(head_0, head_1, ...) @ w_o^T

    If causal, token i sees tokens j <= i only. Nothing was saved: work the forward pass
    out again.

    Args:
        grad_out: (B, T, d_model), the gradient of the loss by y, dtype of x, contiguous
            or not.
        x: (B, T, d_model), any floating dtype, contiguous or not. B and T are at least 1.
        w_q, w_k, w_v, w_o: (d_model, d_model), dtype of x.
        n_heads: Number of heads, H.
        causal: Whether the forward pass hid later tokens.

    Returns:
        (grad_x, grad_w_q, grad_w_k, grad_w_v, grad_w_o), each with the shape of what it is
        the gradient of, and the dtype and device of x. Computed in float32, or in float64
        if x is float64, and rounded once at the end, sums included.

    Raises:
        ValueError: d_model is not a multiple of n_heads.

    Not allowed:
        Autograd, backward or forward: backward, torch.autograd.grad, torch.func.grad, vjp,
            requires_grad_ and the like. It must also run under torch.inference_mode().
        scaled_dot_product_attention, flex_attention, nn.MultiheadAttention and the
            backward functions of softmax in torch.ops.
        Changing grad_out, x or a weight in place.

    Source:
        Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2, for the forward
        pass, https://arxiv.org/abs/1706.03762; Dao et al. 2022, "FlashAttention",
        appendix B.2, for the backward pass of attention, https://arxiv.org/abs/2205.14135
    """
    raise NotImplementedError
