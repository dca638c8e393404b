"""Cross-attention with padding masks."""

import math

from torch import Tensor, nn


class CrossAttention(nn.Module):
    def __init__(self, d_model: int, d_context: int, n_heads: int) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model ({d_model}) must be a multiple of n_heads ({n_heads})")
        self.n_heads = n_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=False)
        self.k_proj = nn.Linear(d_context, d_model, bias=False)
        self.v_proj = nn.Linear(d_context, d_model, bias=False)
        self.o_proj = nn.Linear(d_model, d_model, bias=False)

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        x_mask: Tensor | None = None,
        context_mask: Tensor | None = None,
    ) -> Tensor:
        """Hide padding of context before the softmax, and rows with nothing to say after it."""
        q, k, v = (
            y.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (B, H, T, D)
            for y in (self.q_proj(x), self.k_proj(context), self.v_proj(context))
        )
        scores = q @ k.mT / math.sqrt(q.shape[-1])  # (B, H, T_q, T_k)
        if context_mask is not None:
            # where all is padding, leave the scores: -inf alone would make the softmax NaN
            empty = ~context_mask.any(dim=-1, keepdim=True)  # (B, 1)
            visible = (context_mask | empty)[:, None, None]
            scores = scores.masked_fill(~visible, float("-inf"))
        heads = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)  # (B, T_q, d_model)
        out: Tensor = self.o_proj(heads)
        if context_mask is not None:
            out = out.masked_fill(empty[:, None], 0.0)
        if x_mask is not None:
            out = out.masked_fill(~x_mask[..., None], 0.0)
        return out
