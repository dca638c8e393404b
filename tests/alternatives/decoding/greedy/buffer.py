"""A buffer for all tokens, filled with pad beforehand; cut at the end."""

import torch


def greedy_decode(model, prompt, *, max_new_tokens, eos=None, pad=0):
    if max_new_tokens < 0:
        raise ValueError(max_new_tokens)
    B, T = prompt.shape
    out = prompt.new_full((B, T + max_new_tokens), pad)
    out[:, :T] = prompt
    alive = torch.ones(B, dtype=torch.bool, device=prompt.device)
    length = T
    with torch.inference_mode():
        while length < T + max_new_tokens and alive.any():
            best = model(out[:, :length])[:, -1, :].max(dim=-1).indices
            out[alive, length] = best[alive]
            if eos is not None:
                alive &= best != eos
            length += 1
    return out[:, :length]
