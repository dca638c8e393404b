"""Token by token, head by head, with tables of Python floats and bare parameters."""

import math

import torch
from torch import nn


class Weight(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*shape).normal_(std=0.02))


def rms(x, weight, eps):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * (wide.pow(2).mean(-1, keepdim=True) + eps).rsqrt()).to(x.dtype) * weight


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
        if d_rope & 1:
            raise ValueError
        self.sizes = (n_heads, kv_lora_rank, d_nope, d_rope, d_v)
        self.theta, self.eps = theta, eps
        self.q_a_proj = Weight(q_lora_rank, d_model)
        self.q_a_layernorm = Weight(q_lora_rank)
        self.q_b_proj = Weight(n_heads * (d_nope + d_rope), q_lora_rank)
        self.kv_a_proj_with_mqa = Weight(kv_lora_rank + d_rope, d_model)
        self.kv_a_layernorm = Weight(kv_lora_rank)
        self.kv_b_proj = Weight(n_heads * (d_nope + d_v), kv_lora_rank)
        self.o_proj = Weight(d_model, n_heads * d_v)

    def turn(self, x, position):
        channels = []
        for i in range(0, x.size(-1), 2):
            angle = position * self.theta ** (-i / x.size(-1))
            c, s = math.cos(angle), math.sin(angle)
            channels += [x[..., i] * c - x[..., i + 1] * s, x[..., i] * s + x[..., i + 1] * c]
        return torch.stack(channels, dim=-1)

    def one_token(self, x, latents, keys):
        """x: (B, d_model); latents and keys: one tensor a token, its own included."""
        H, _, d_nope, d_rope, d_v = self.sizes
        latent, k_rope = torch.stack(latents, 1), torch.stack(keys, 1)
        q = rms(x @ self.q_a_proj.weight.T, self.q_a_layernorm.weight, self.eps)
        q = q @ self.q_b_proj.weight.T
        kv = latent @ self.kv_b_proj.weight.T
        heads = []
        for h in range(H):
            q_h = q[:, h * (d_nope + d_rope) : (h + 1) * (d_nope + d_rope)]
            kv_h = kv[..., h * (d_nope + d_v) : (h + 1) * (d_nope + d_v)]
            q_rope = self.turn(q_h[:, d_nope:], len(latents) - 1)
            scores = (kv_h[..., :d_nope] * q_h[:, None, :d_nope]).sum(-1)
            scores = (scores + (k_rope * q_rope[:, None]).sum(-1)) / math.sqrt(d_nope + d_rope)
            weights = torch.softmax(scores.double(), dim=-1).to(x.dtype)
            heads.append((weights[..., None] * kv_h[..., d_nope:]).sum(1))
        return torch.cat(heads, dim=-1) @ self.o_proj.weight.T

    def forward(self, x, cache=None):
        R = self.sizes[1]
        latents = [] if cache is None else list(cache[0].unbind(1))
        keys = [] if cache is None else list(cache[1].unbind(1))
        outs = []
        for t in range(x.size(1)):
            down = x[:, t] @ self.kv_a_proj_with_mqa.weight.T
            latents.append(rms(down[:, :R], self.kv_a_layernorm.weight, self.eps))
            keys.append(self.turn(down[:, R:], len(keys)))
            outs.append(self.one_token(x[:, t], latents, keys))
        return torch.stack(outs, 1), (torch.stack(latents, 1), torch.stack(keys, 1))
