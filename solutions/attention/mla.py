"""Multi-head latent attention (MLA)."""

import math

import torch
from torch import Tensor, nn


class MultiHeadLatentAttention(nn.Module):
    def __init__(
        self,
        d_model: int,
        n_heads: int,
        q_lora_rank: int,
        kv_lora_rank: int,
        d_nope: int,
        d_rope: int,
        d_v: int,
        *,
        theta: float = 10000.0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if d_rope % 2:
            raise ValueError(f"d_rope must be even, got {d_rope}")
        self.n_heads, self.theta = n_heads, theta
        self.kv_lora_rank, self.d_nope, self.d_rope, self.d_v = kv_lora_rank, d_nope, d_rope, d_v

        self.q_a_proj = nn.Linear(d_model, q_lora_rank, bias=False)
        self.q_a_layernorm = nn.RMSNorm(q_lora_rank, eps=eps)
        self.q_b_proj = nn.Linear(q_lora_rank, n_heads * (d_nope + d_rope), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(d_model, kv_lora_rank + d_rope, bias=False)
        self.kv_a_layernorm = nn.RMSNorm(kv_lora_rank, eps=eps)
        self.kv_b_proj = nn.Linear(kv_lora_rank, n_heads * (d_nope + d_v), bias=False)
        self.o_proj = nn.Linear(n_heads * d_v, d_model, bias=False)

    def forward(
        self, x: Tensor, cache: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Cache what all heads share, and expand it to keys and values by head at each call."""
        T, H = x.shape[1], self.n_heads
        T_cached = cache[0].shape[1] if cache else 0
        positions = torch.arange(T_cached, T_cached + T, device=x.device)

        q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x)))
        q = q.unflatten(-1, (H, -1)).transpose(1, 2)  # (B, H, T, d_nope + d_rope)
        q_nope, q_rope = q.split([self.d_nope, self.d_rope], dim=-1)
        q = torch.cat([q_nope, self._rope(q_rope, positions)], dim=-1)

        latent_and_key = self.kv_a_proj_with_mqa(x)
        latent, k_rope = latent_and_key.split([self.kv_lora_rank, self.d_rope], dim=-1)
        latent, k_rope = self.kv_a_layernorm(latent), self._rope(k_rope, positions)
        if cache:
            latent = torch.cat([cache[0], latent], dim=1)  # (B, T_k, kv_lora_rank)
            k_rope = torch.cat([cache[1], k_rope], dim=1)  # (B, T_k, d_rope)

        kv = self.kv_b_proj(latent).unflatten(-1, (H, -1)).transpose(1, 2)
        k_nope, v = kv.split([self.d_nope, self.d_v], dim=-1)  # (B, H, T_k, d_v)
        k = torch.cat([k_nope, k_rope[:, None].expand(-1, H, -1, -1)], dim=-1)

        scores = q @ k.transpose(-2, -1) / math.sqrt(self.d_nope + self.d_rope)  # (B, H, T, T_k)
        later = torch.ones_like(scores, dtype=torch.bool).triu(T_cached + 1)
        scores = scores.to(torch.promote_types(x.dtype, torch.float32))
        weights = scores.masked_fill(later, float("-inf")).softmax(dim=-1).to(x.dtype)
        out = (weights @ v).transpose(1, 2).flatten(2)  # (B, T, H * d_v)
        return self.o_proj(out), (latent, k_rope)

    def _rope(self, x: Tensor, positions: Tensor) -> Tensor:
        """Turn channels 2i and 2i + 1 of (..., T, d_rope)."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        exponent = torch.arange(0, self.d_rope, 2, dtype=dtype, device=x.device) / self.d_rope
        angle = positions[:, None] * self.theta**-exponent  # (T, d_rope/2)
        cos, sin = angle.cos(), angle.sin()
        even, odd = x[..., ::2], x[..., 1::2]
        turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
        return turned.flatten(-2).to(x.dtype)
