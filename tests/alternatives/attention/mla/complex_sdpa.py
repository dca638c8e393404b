"""Complex numbers for RoPE in float32, torch's attention, and constants in a buffer."""

import torch
import torch.nn.functional as F
from torch import nn


class LatentNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.variance_epsilon = eps

    def forward(self, x):
        wide = x.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * wide.to(x.dtype)


def apply_rotary(x, freqs_cis):
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * freqs_cis).flatten(-2).type_as(x)


class MultiHeadLatentAttention(nn.Module):
    def __init__(
        self,
        d_model,
        n_heads,
        q_lora_rank,
        kv_lora_rank,
        d_nope,
        d_rope,
        d_v,
        *,
        theta=10000.0,
        eps=1e-6,
    ):
        super().__init__()
        if d_rope % 2 != 0:
            raise ValueError(f"cannot pair {d_rope} channels")
        self.H, self.d_nope, self.d_rope, self.d_v = n_heads, d_nope, d_rope, d_v
        self.kv_lora_rank = kv_lora_rank

        def linear(n_in, n_out):
            return nn.Linear(n_in, n_out, bias=False)

        self.q_a_proj = linear(d_model, q_lora_rank)
        self.q_a_layernorm = LatentNorm(q_lora_rank, eps)
        self.q_b_proj = linear(q_lora_rank, n_heads * (d_nope + d_rope))
        self.kv_a_proj_with_mqa = linear(d_model, kv_lora_rank + d_rope)
        self.kv_a_layernorm = LatentNorm(kv_lora_rank, eps)
        self.kv_b_proj = linear(kv_lora_rank, n_heads * (d_nope + d_v))
        self.o_proj = linear(n_heads * d_v, d_model)
        # no buffer: .bfloat16() would round it
        self.inv_freq = 1.0 / (theta ** (torch.arange(0, d_rope, 2).float() / d_rope))

    def forward(self, x, cache=None):
        B, T, _ = x.size()
        start = cache[0].size(1) if cache is not None else 0
        angles = torch.arange(start, start + T, device=x.device).float()[:, None]
        angles = angles * self.inv_freq.to(x.device)
        freqs_cis = torch.polar(torch.ones_like(angles), angles)

        q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x)))
        q = q.view(B, T, self.H, -1).transpose(1, 2)
        q_nope, q_pe = torch.split(q, [self.d_nope, self.d_rope], dim=-1)
        q = torch.cat((q_nope, apply_rotary(q_pe, freqs_cis)), dim=-1)

        compressed = self.kv_a_proj_with_mqa(x)
        c_kv, k_pe = torch.split(compressed, [self.kv_lora_rank, self.d_rope], dim=-1)
        c_kv, k_pe = self.kv_a_layernorm(c_kv), apply_rotary(k_pe, freqs_cis)
        if cache is not None:
            c_kv = torch.cat((cache[0], c_kv), dim=1)
            k_pe = torch.cat((cache[1], k_pe), dim=1)
        S = c_kv.size(1)

        kv = self.kv_b_proj(c_kv).view(B, S, self.H, self.d_nope + self.d_v).transpose(1, 2)
        k = torch.cat((kv[..., : self.d_nope], k_pe.unsqueeze(1).expand(B, self.H, S, -1)), -1)
        mask = torch.ones(T, S, dtype=torch.bool, device=x.device).tril(S - T)
        out = F.scaled_dot_product_attention(q, k, kv[..., self.d_nope :], attn_mask=mask)
        return self.o_proj(out.transpose(1, 2).reshape(B, T, -1)), [c_kv, k_pe]
