"""KV heads repeated, exponentials by hand, blocks picked one at a time by argmax."""

import torch


def weigh(scores, seen):
    """A softmax over what is seen, zeros where nothing is."""
    lowest = torch.finfo(scores.dtype).min
    scores = torch.where(seen, scores, torch.full_like(scores, lowest))
    powers = torch.exp(scores - scores.max(-1, keepdim=True)[0]) * seen
    total = powers.sum(-1, keepdim=True)
    return powers / total.clamp(min=torch.finfo(scores.dtype).tiny)


def native_sparse_attention(q, k, v, gates, *, block_size, n_selected, window):
    H, G, T = q.shape[1], k.shape[1], q.shape[2]
    if H < G or H != H // G * G:
        raise ValueError("no whole number of query heads for each KV head")
    for size, least in ((block_size, 1), (n_selected, 3), (window, 1)):
        if size < least:
            raise ValueError(f"{size} is less than {least}")
    out_dtype = q.dtype
    if out_dtype != torch.float64:
        q, k, v, gates = q.float(), k.float(), v.float(), gates.float()
    q = q * q.shape[3] ** -0.5
    M = H // G
    k, v = k.repeat_interleave(M, 1), v.repeat_interleave(M, 1)
    t = torch.arange(T, device=q.device)

    n_whole = T // block_size
    if n_whole:
        starts = range(0, n_whole * block_size, block_size)
        k_mean = torch.stack([k[:, :, s : s + block_size].mean(2) for s in starts], 2)
        v_mean = torch.stack([v[:, :, s : s + block_size].mean(2) for s in starts], 2)
        last = torch.tensor([s + block_size - 1 for s in starts], device=q.device)
        share = weigh(q @ k_mean.transpose(2, 3), last <= t[:, None])
        out = gates[..., 0:1] * (share @ v_mean)
        votes = share.detach().reshape(len(q), G, M, T, n_whole).sum(2)
    else:
        out = torch.zeros_like(v)
        votes = q.new_zeros(len(q), G, T, 0)

    blocks = (T + block_size - 1) // block_size
    votes = torch.cat([votes, votes.new_zeros(*votes.shape[:3], blocks - n_whole)], -1)
    own = t // block_size
    for back in (1, 0):
        index = (own - back).clamp(min=0).expand(votes.shape[:3])[..., None]
        votes = votes.scatter(3, index, torch.inf)
    votes[..., 0] = torch.inf
    picks = []
    for _ in range(min(n_selected, blocks)):
        best = votes.argmax(-1, keepdim=True)  # the first of equals
        picks.append(best)
        votes = votes.scatter(3, best, -torch.inf)
    picks = torch.cat(picks, -1)  # (B, G, T, n)
    offsets = torch.arange(block_size, device=q.device)
    places = (picks[..., None] * block_size + offsets).flatten(3).repeat_interleave(M, 1)
    near = (t[:, None] - torch.arange(window, device=q.device)[:T]).expand(*q.shape[:3], -1)
    for i, place in ((1, places), (2, near)):
        seen = (place >= 0) & (place <= t[:, None])
        place = place.clamp(min=0, max=T - 1)
        rows = [
            x.gather(2, place.flatten(2)[..., None].expand(-1, -1, -1, x.shape[3])).unflatten(
                2, place.shape[2:]
            )
            for x in (k, v)
        ]
        share = weigh((q[:, :, :, None] * rows[0]).sum(-1), seen)
        out = out + gates[..., i : i + 1] * (share[..., None] * rows[1]).sum(3)
    return out.to(out_dtype)
