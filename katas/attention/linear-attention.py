"""Linear attention: parallel, chunked and recurrent forms."""

import torch
from torch import Tensor


def linear_attention_parallel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Compute causal attention without softmax for a whole sequence at once.

    With the feature map phi(x) = elu(x) + 1, that is x + 1 where x > 0 and exp(x)
    elsewhere, token i gives

        out_i = sum_{j <= i} (phi(q_i) . phi(k_j)) v_j / sum_{j <= i} phi(q_i) . phi(k_j)

    There is no 1/sqrt(D), and nothing is added to the denominator. F.elu(x) + 1 is exact
    enough for phi. This form may make the (T, T) matrix of weights.

    Args:
        q: (B, H, T, D), any floating dtype, contiguous or not, T >= 1.
        k: (B, H, T, D), dtype of q.
        v: (B, H, T, D_v), dtype of q. D_v may differ from D.

    Returns:
        (B, H, T, D_v), dtype and device of q. Computed in float32, or in float64 if q is
        float64, and rounded once at the end. Gradients flow to q, k and v, and are finite
        also where exp(x) of a large x would overflow.

    Not allowed:
        Changing q, k or v in place.

    Source:
        Katharopoulos et al. 2020, "Transformers are RNNs", sections 3.2 to 3.4,
        https://arxiv.org/abs/2006.16236
    """
    raise NotImplementedError


def linear_attention_chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    chunk_size: int,
    state: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Compute the same by matrix products within chunks, and a state for all before them.

    What tokens up to i leave behind fits in a state (S, z) of constant size:

        S: (B, H, D, D_v), the sum of phi(k_j) v_j^T over j <= i
        z: (B, H, D), the sum of phi(k_j) over j <= i

    A text fed in pieces, each with the state after the piece before, gives what the whole
    text gives at once. Work and memory grow with T, not with T * T. No new tensor has as
    many as B * H * T * T elements when chunk_size is small against T: there is no score for
    each pair, nor a state for each token.

    Args:
        q, k, v: As for linear_attention_parallel.
        chunk_size: Tokens in a chunk, at least 1. Need not divide T, and may exceed it.
        state: (S, z) of the tokens before these, or None: there are none.

    Returns:
        out: (B, H, T, D_v), dtype and device of q.
        state: A tuple (S, z) after the last token, in the dtype that all is computed in:
            float64 if q is float64, else float32.
        Gradients flow to q, k, v and a given state, also through the returned one.

    Raises:
        ValueError: chunk_size is less than 1.

    Not allowed:
        Changing q, k, v or state in place.
    """
    raise NotImplementedError


def linear_attention_step(
    q: Tensor, k: Tensor, v: Tensor, state: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Compute the same for one new token: a step of the recurrent form.

    Args:
        q: (B, H, D), any floating dtype.
        k: (B, H, D), dtype of q.
        v: (B, H, D_v), dtype of q.
        state: (S, z) of the tokens before this one, or None: there are none.

    Returns:
        out: (B, H, D_v), dtype and device of q. The new token sees itself, too.
        state: A tuple (S, z) after it, as for linear_attention_chunked.

    Not allowed:
        Changing q, k, v or state in place.
    """
    raise NotImplementedError
