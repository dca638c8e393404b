"""Head by head and token by token, with angles from the math module."""

import math

import torch


def absorbed_mla(q, latent, k_rope, w_kv_b, w_o, *, theta=10000.0):
    _, T, H, d_qk = q.shape
    S, d_rope = k_rope.shape[1:]
    d_nope = d_qk - d_rope
    d_v = w_o.size(1) // H
    c, r, w, wo = (x.double() for x in (latent, k_rope, w_kv_b, w_o))
    rows = []
    for i in range(T):
        n = S - T + i + 1
        total = 0
        for h in range(H):
            block = w[h * (d_nope + d_v) : (h + 1) * (d_nope + d_v)]
            x = q[:, i, h].double()
            turned = []
            for j in range(d_nope, d_qk, 2):
                a = (n - 1) * theta ** (-(j - d_nope) / d_rope)
                turned.append(x[:, j] * math.cos(a) - x[:, j + 1] * math.sin(a))
                turned.append(x[:, j] * math.sin(a) + x[:, j + 1] * math.cos(a))
            absorbed = x[:, :d_nope] @ block[:d_nope]
            score = (c[:, :n] * absorbed[:, None]).sum(-1)
            score = score + (r[:, :n] * torch.stack(turned, -1)[:, None]).sum(-1)
            weights = torch.softmax(score / math.sqrt(d_qk), dim=-1)
            read = (weights[..., None] * c[:, :n]).sum(1)
            total = total + read @ block[d_nope:].T @ wo[:, h * d_v : (h + 1) * d_v].T
        rows.append(total)
    return torch.stack(rows, dim=1).to(q.dtype)
