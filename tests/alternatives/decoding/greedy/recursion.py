"""One step, then the rest by recursion."""

import torch


def greedy_decode(model, prompt, *, max_new_tokens, eos=None, pad=0):
    if max_new_tokens < 0:
        raise ValueError("no negative number of tokens")
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    try:
        stop = -1 if eos is None else eos
        return extend(model, prompt, prompt[:, 0] != prompt[:, 0], max_new_tokens, stop, pad)
    finally:
        torch.set_grad_enabled(before)


def extend(model, tokens, done, left, stop, pad):
    if left == 0 or bool(done.all()):
        return tokens
    scores = model(tokens).select(1, -1).double()
    best = torch.where(done, pad, scores.sort(dim=-1, descending=True, stable=True)[1][:, 0])
    tokens = torch.hstack([tokens, best.unsqueeze(1)])
    return extend(model, tokens, done | (best == stop), left - 1, stop, pad)
