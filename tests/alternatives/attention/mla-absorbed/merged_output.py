"""W_UV merged into w_o ahead of time, complex numbers for RoPE, einsum for the rest."""

import torch


def absorbed_mla(q, latent, k_rope, w_kv_b, w_o, *, theta=10000.0):
    dtype = q.dtype
    work = torch.float64 if dtype == torch.float64 else torch.float32
    B, T, H, d_qk = q.shape
    S, R = latent.shape[1:]
    d_rope = k_rope.size(2)
    q, c, kr = q.to(work), latent.to(work), k_rope.to(work)
    w = w_kv_b.to(work).view(H, -1, R)
    down, up = w.split([d_qk - d_rope, w.size(1) - d_qk + d_rope], dim=1)
    w_out = torch.einsum("chv,hvr->hcr", w_o.to(work).reshape(w_o.size(0), H, -1), up)

    inv_freq = theta ** (-torch.arange(0, d_rope, 2, device=q.device).to(work) / d_rope)
    p = torch.arange(S - T, S, device=q.device)
    angle = torch.outer(p.to(work), inv_freq)
    turn = torch.polar(torch.ones_like(angle), angle)[:, None]
    pairs = torch.view_as_complex(q[..., d_qk - d_rope :].reshape(B, T, H, -1, 2).contiguous())
    q_rope = torch.view_as_real(pairs * turn).reshape(B, T, H, d_rope)

    q_lat = torch.einsum("bthd,hdr->bthr", q[..., : d_qk - d_rope], down)
    logits = torch.einsum("bthr,bsr->bths", q_lat, c) + torch.einsum("bthr,bsr->bths", q_rope, kr)
    hidden = torch.arange(S, device=q.device) > p[:, None, None]
    logits = torch.where(hidden, -torch.inf, logits * d_qk**-0.5)
    read = torch.einsum("bths,bsr->bthr", torch.softmax(logits, -1), c)
    return torch.einsum("bthr,hcr->btc", read, w_out).to(dtype)
