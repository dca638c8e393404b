"""Only distances matter: keys are turned back by how far they are from the query."""

import torch


def streaming_step(q, k, v, cache=None, *, n_sink, window, theta=10000.0):
    if window < 1:
        raise ValueError("the window must hold the new token")
    if n_sink < 0:
        raise ValueError("fewer than no sinks")
    none = k.unsqueeze(2)[:, :, :0], v.unsqueeze(2)[:, :, :0]
    old_k, old_v = none if cache is None else cache
    if old_k.size(2) == n_sink + window:
        stay = [i for i in range(old_k.size(2)) if i != n_sink]
        old_k, old_v = old_k[:, :, stay], old_v[:, :, stay]
    keys, values = torch.cat([old_k, k.unsqueeze(2)], 2), torch.cat([old_v, v.unsqueeze(2)], 2)

    acc = torch.float64 if q.dtype == torch.float64 else torch.float32
    n, D = keys.shape[2:]
    distance = torch.arange(1 - n, 1, device=q.device).to(acc)
    freq = theta ** (-2 * torch.arange(D // 2, device=q.device).to(acc) / D)
    a = distance[:, None] * freq
    lo, hi = keys.to(acc)[..., : D // 2], keys.to(acc)[..., D // 2 :]
    turned = torch.cat((lo * a.cos() - hi * a.sin(), hi * a.cos() + lo * a.sin()), -1)
    scores = torch.einsum("bhd,bhnd->bhn", q.to(acc), turned) * D**-0.5
    out = torch.einsum("bhn,bhne->bhe", scores.softmax(-1), values.to(acc))
    return out.to(q.dtype), (keys, values)
