"""RMSNorm, with fp32 accumulation."""

import torch
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, *, eps: float = 1e-6) -> Tensor:
    """Divide each vector by its root mean square, then scale it by a learned weight.

        y = x / sqrt(mean(x^2) + eps) * weight

    The mean is over the last axis, of width D. No mean is subtracted, and there is no bias.

    All of this is computed in float32, or in float64 for a float64 x, and rounded once:
    the cast back to the dtype of x comes after the weight, as in torch and Gemma. (Llama's
    code casts before the weight, which rounds twice.)

    Args:
        x: (..., D), any floating dtype, contiguous or not. There may be no leading axes,
            or axes of length 0.
        weight: (D,), any floating dtype, which need not be that of x.
        eps: Added to the mean square, inside the root. A vector of zeros gives zeros.

    Returns:
        (..., D), dtype of x, whatever the dtype of weight. Gradients flow to x and weight.

    Not allowed:
        rms_norm, also as torch.nn.RMSNorm or as torch's fused operator.
        Changing x or weight in place.

    Source:
        Zhang and Sennrich 2019, "Root Mean Square Layer Normalization",
        https://arxiv.org/abs/1910.07467
    """
    raise NotImplementedError
