"""One query after the other, with Python lists of the blocks that it reads."""

import torch


def native_sparse_attention(q, k, v, gates, *, block_size, n_selected, window):
    B, H, T, D = q.shape
    G = k.size(1)
    if H % G != 0:
        raise ValueError("heads do not divide")
    if min(block_size, window) < 1 or n_selected < 3:
        raise ValueError("a size is too small")
    kind = torch.double if q.dtype == torch.double else torch.float
    queries = q.to(kind).reshape(B, G, H // G, T, D)
    keys, values = k.to(kind), v.to(kind)
    weight = gates.to(kind).reshape(B, G, H // G, T, 3)
    whole = T // block_size
    ends = whole * block_size
    key_means = keys[:, :, :ends].reshape(B, G, whole, block_size, D).mean(-2)
    value_means = values[:, :, :ends].reshape(B, G, whole, block_size, v.size(3)).mean(-2)

    def share(query, keys):
        return torch.softmax(query @ keys.T * D**-0.5, -1)

    out = []
    for b in range(B):
        for g in range(G):
            rows = []
            own_keys, own_values = keys[b, g], values[b, g]
            for t in range(T):
                query, gate = queries[b, g, :, t], weight[b, g, :, t]
                done, own = (t + 1) // block_size, t // block_size
                picked = {0, max(0, own - 1), own}
                row = 0
                if done:
                    p = share(query, key_means[b, g, :done])
                    row = gate[:, :1] * (p @ value_means[b, g, :done])
                    votes = p.detach().sum(0).tolist()
                    rest = sorted(set(range(own)) - picked, key=lambda j: votes[j], reverse=True)
                    picked |= set(rest[: n_selected - len(picked)])
                places = [
                    s
                    for j in sorted(picked)
                    for s in range(j * block_size, (j + 1) * block_size)
                    if s <= t
                ]
                row = row + gate[:, 1:2] * (share(query, own_keys[places]) @ own_values[places])
                near = slice(max(0, t - window + 1), t + 1)
                row = row + gate[:, 2:] * (share(query, own_keys[near]) @ own_values[near])
                rows.append(row)
            out.append(torch.stack(rows, 1))
    return torch.stack(out).reshape(B, H, T, v.size(3)).to(q.dtype)
