"""The recurrence for both, written with einsum and gates that are no logarithms."""

import torch


def gla_recurrent(q, k, v, g, *, state=None):
    B, H, _, D = q.shape
    wide = torch.promote_types(torch.float32, q.dtype)
    S = q.new_zeros(B, H, D, v.size(-1), dtype=wide) if state is None else state
    gates = torch.exp(g.to(wide))
    out = []
    for q_t, k_t, v_t, a_t in zip(*(x.to(wide).unbind(2) for x in (q, k, v, gates)), strict=True):
        S = torch.einsum("bhd,bhde->bhde", a_t, S) + torch.einsum("bhd,bhe->bhde", k_t, v_t)
        out.append(torch.einsum("bhd,bhde->bhe", q_t, S) / D**0.5)
    # not contiguous
    return torch.stack(out).permute(1, 2, 0, 3).to(q.dtype), S


def gla_chunked(q, k, v, g, *, chunk_size, state=None):
    if chunk_size < 1:
        raise ValueError("chunks of nothing")
    outs = []
    for piece in zip(*(x.split(chunk_size, dim=2) for x in (q, k, v, g)), strict=True):
        out, state = gla_recurrent(*piece, state=state)
        outs.append(out)
    return torch.cat(outs, dim=2), state
