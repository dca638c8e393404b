"""kv_b_proj absorbed: attention runs over the latents themselves, and no key is expanded."""

import torch
from torch import nn


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        y = x.float() if x.dtype != torch.float64 else x
        return (y / (y.square().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight).to(x.dtype)


def rotate_pairs(x, angles):
    out = torch.empty_like(x)
    a, b = x[..., 0::2].to(angles.dtype), x[..., 1::2].to(angles.dtype)
    out[..., 0::2] = (a * angles.cos() - b * angles.sin()).to(x.dtype)
    out[..., 1::2] = (a * angles.sin() + b * angles.cos()).to(x.dtype)
    return out


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
        if d_rope % 2 == 1:
            raise ValueError("d_rope must be even")
        self.dims = n_heads, kv_lora_rank, d_nope, d_rope, d_v
        self.inv_freq = [theta ** (-2 * i / d_rope) for i in range(d_rope // 2)]
        self.q_a_proj = nn.Linear(d_model, q_lora_rank, bias=False)
        self.q_a_layernorm = RMSNorm(q_lora_rank, eps)
        self.q_b_proj = nn.Linear(q_lora_rank, n_heads * (d_nope + d_rope), bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(d_model, kv_lora_rank + d_rope, bias=False)
        self.kv_a_layernorm = RMSNorm(kv_lora_rank, eps)
        self.kv_b_proj = nn.Linear(kv_lora_rank, n_heads * (d_nope + d_v), bias=False)
        self.o_proj = nn.Linear(n_heads * d_v, d_model, bias=False)

    def forward(self, x, cache=None):
        H, R, d_nope, d_rope, d_v = self.dims
        B, T = x.shape[:2]
        past = 0 if cache is None else cache[0].size(1)
        pos = torch.arange(past, past + T, device=x.device, dtype=torch.float64)
        angles = pos[:, None] * torch.tensor(self.inv_freq, dtype=torch.float64, device=x.device)
        if x.dtype != torch.float64:
            angles = angles.float()

        q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x))).view(B, T, H, d_nope + d_rope)
        q_rope = rotate_pairs(q[..., d_nope:], angles[:, None])
        down = self.kv_a_proj_with_mqa(x)
        latent, k_rope = self.kv_a_layernorm(down[..., :R]), rotate_pairs(down[..., R:], angles)
        if cache is not None:
            latent = torch.cat((cache[0], latent), 1)
            k_rope = torch.cat((cache[1], k_rope), 1)

        up = self.kv_b_proj.weight.view(H, d_nope + d_v, R)
        q_latent = torch.einsum("bthd,hdr->bthr", q[..., :d_nope], up[:, :d_nope])
        scores = torch.einsum("bthr,bsr->bhts", q_latent, latent)
        scores = scores + torch.einsum("bthd,bsd->bhts", q_rope, k_rope)
        scores = scores.float() if x.dtype != torch.float64 else scores
        scores = scores * (d_nope + d_rope) ** -0.5
        seen = torch.arange(past + T, device=x.device) <= pos[:, None]
        weights = torch.where(seen, scores, -torch.inf).softmax(-1).to(x.dtype)
        read = torch.einsum("bhts,bsr->bthr", weights, latent)
        out = torch.einsum("bthr,hvr->bthv", read, up[:, d_nope:])
        return self.o_proj(out.reshape(B, T, H * d_v)), (latent, k_rope)
