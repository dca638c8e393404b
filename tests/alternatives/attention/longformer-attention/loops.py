"""One token after the other, each with the list of places that it sees."""

import torch


def longformer_attention(q, k, v, q_global, k_global, v_global, is_global, window, *, mask=None):
    if window < 2 or window % 2 == 1:
        raise ValueError("the window is even")
    B, H, T, D = q.shape
    kind = torch.float64 if q.dtype == torch.float64 else torch.float32
    local = [x.to(kind) for x in (q, k, v)]
    whole = [x.to(kind) for x in (q_global, k_global, v_global)]
    out = []
    for b in range(B):
        tokens = [t for t in range(T) if mask is None or mask[b, t]]
        hubs = [t for t in tokens if is_global[b, t]]
        columns = []
        for i in range(T):
            if i not in tokens:
                columns.append(local[2].new_zeros(H, v.shape[3]))
                continue
            if i in hubs:
                (queries, keys, values), seen = whole, tokens
            else:
                queries, keys, values = local
                seen = sorted({t for t in tokens if abs(t - i) <= window // 2} | set(hubs))
            scores = torch.einsum("hd,htd->ht", queries[b, :, i], keys[b][:, seen]) * D**-0.5
            weights = torch.softmax(scores, -1)
            columns.append(torch.einsum("ht,htd->hd", weights, values[b][:, seen]))
        out.append(torch.stack(columns, 1))
    return torch.stack(out).to(q.dtype)
