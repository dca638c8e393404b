"""The queries of a group folded into one long axis, with an online softmax over key tiles."""

import torch


def grouped_query_attention(q, k, v, *, causal=True):
    B, H, T_q, D = q.shape
    _, G, T_k, _ = k.shape
    R, rest = divmod(H, G)
    if rest:
        raise ValueError(f"H={H} is no multiple of G={G}")
    dtype = torch.promote_types(torch.float32, q.dtype)
    q_ = q.to(dtype).unflatten(1, (G, R)).flatten(2, 3)  # (B, G, R * T_q, D)
    last_seen = torch.arange(T_q, device=q.device).repeat(R) + (T_k - T_q)

    top = torch.full((B, G, R * T_q, 1), -torch.inf, dtype=dtype, device=q.device)
    total = torch.zeros_like(top)
    out = torch.zeros_like(q_)
    tile = 2
    for start in range(0, T_k, tile):
        k_, v_ = (x[:, :, start : start + tile].to(dtype) for x in (k, v))
        scores = q_ @ k_.mT * D**-0.5
        if causal:
            keys = torch.arange(start, start + k_.size(2), device=q.device)
            scores = scores.masked_fill(keys > last_seen[:, None], -torch.inf)
        # key 0 is in the first tile and seen by all, so the maximum is finite from there on
        new_top = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights, decay = (scores - new_top).exp(), (top - new_top).exp()
        total = total * decay + weights.sum(-1, keepdim=True)
        out = out * decay + weights @ v_
        top = new_top
    return (out / total).unflatten(2, (R, T_q)).flatten(1, 2).to(q.dtype)
