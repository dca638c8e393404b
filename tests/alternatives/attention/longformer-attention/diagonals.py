"""One diagonal of the scores after the other, exponentials by hand, heads last."""

import torch


def shifted(x, offset):
    """x[t + offset] at t, along dim 1, and zeros where there is none."""
    out = torch.zeros_like(x)
    T = x.shape[1]
    if abs(offset) >= T:
        return out
    if offset >= 0:
        out[:, : T - offset] = x[:, offset:]
    else:
        out[:, -offset:] = x[:, :offset]
    return out


def longformer_attention(q, k, v, q_global, k_global, v_global, is_global, window, *, mask=None):
    if window < 2:
        raise ValueError
    half, odd = divmod(window, 2)
    if odd:
        raise ValueError
    wide = torch.promote_types(q.dtype, torch.float32)
    q, k, v, a, b, c = (
        x.transpose(1, 2).to(wide) for x in (q, k, v, q_global, k_global, v_global)
    )  # (B, T, H, D)
    real = torch.full_like(is_global, True) if mask is None else mask
    hub = torch.logical_and(is_global, real)
    plain = torch.logical_and(real, ~hub)
    root = q.shape[-1] ** 0.5

    scores, seen, values = [], [], []
    for offset in range(-half, half + 1):
        scores.append((q * shifted(k, offset)).sum(-1) / root)  # (B, T, H)
        seen.append(shifted(plain, offset)[..., None].expand_as(scores[-1]))
        values.append(offset)
    # one column for each place that is global in some sequence
    hubs = hub.any(0).nonzero()[:, 0].tolist()
    for place in hubs:
        scores.append((q * k[:, place, None]).sum(-1) / root)
        seen.append(hub[:, place, None, None].expand_as(scores[-1]))
    low = torch.finfo(wide).min
    stacked = torch.where(torch.stack(seen), torch.stack(scores), low)
    top = stacked.amax(0).detach()
    powers = (stacked - top).exp() * torch.stack(seen)
    total = powers.sum(0)
    weights = powers / torch.where(total > 0, total, 1)
    out = sum(weights[i][..., None] * shifted(v, offset) for i, offset in enumerate(values))
    for i, place in enumerate(hubs):
        out = out + weights[len(values) + i][..., None] * v[:, place, None]

    columns = list(out.unbind(1))
    for place in hubs:
        row = (a[:, place, None] * b).sum(-1) / root  # (B, T, H)
        row = row.masked_fill(~real[..., None], low).softmax(1)
        new = (row[..., None] * c).sum(1)  # (B, H, D_v)
        columns[place] = torch.where(hub[:, place, None, None], new, columns[place])
    out = torch.stack(columns, 2) * real[:, None, :, None]
    return out.to(q_global.dtype)
