"""Over the cache in pieces of four tokens, with a running maximum and sum."""

import torch


def absorbed_mla(q, latent, k_rope, w_kv_b, w_o, *, theta=10000.0):
    B, T, H, d_qk = q.shape
    S, R = latent.shape[1:]
    d_rope = k_rope.shape[2]
    d_nope = d_qk - d_rope
    acc = torch.promote_types(torch.float32, q.dtype)
    blocks = w_kv_b.to(acc).reshape(H, -1, R)
    p = torch.arange(S - T, S, device=q.device, dtype=acc)
    angle = p[:, None, None] / theta ** (
        torch.arange(0, d_rope, 2, device=q.device, dtype=acc) / d_rope
    )
    out = q[..., d_nope:].to(acc)
    a, b = out[..., 0::2], out[..., 1::2]
    turned = torch.empty_like(out)
    turned[..., 0::2] = a * angle.cos() - b * angle.sin()
    turned[..., 1::2] = a * angle.sin() + b * angle.cos()
    x = torch.stack([q[:, :, h, :d_nope].to(acc) @ blocks[h, :d_nope] for h in range(H)], dim=2)
    x = torch.cat([x, turned], dim=3).reshape(B, T * H, R + d_rope) / d_qk**0.5
    position = torch.arange(S - T, S, device=q.device).repeat_interleave(H)

    top = torch.full((B, T * H, 1), -torch.inf, dtype=acc, device=q.device)
    total, read = torch.zeros_like(top), torch.zeros(B, T * H, R, dtype=acc, device=q.device)
    for j in range(0, S, 4):
        c = latent[:, j : j + 4].to(acc)
        key = torch.cat([c, k_rope[:, j : j + 4].to(acc)], dim=2)
        s = torch.bmm(x, key.transpose(1, 2))
        at = torch.arange(j, j + c.size(1), device=q.device)
        s = s.masked_fill(at > position[:, None], -torch.inf)
        # every query sees token 0, so the maximum is finite from the first piece on
        new = torch.maximum(top, s.amax(-1, keepdim=True)).detach()
        e, decay = torch.exp(s - new), torch.exp(top - new)
        total = total * decay + e.sum(-1, keepdim=True)
        read = read * decay + torch.bmm(e, c)
        top = new
    read = (read / total).view(B, T, H, R)
    heads = [read[:, :, h] @ blocks[h, d_nope:].T for h in range(H)]
    return (torch.cat(heads, dim=-1) @ w_o.to(acc).T).to(q.dtype)
