"""As transformers does: fixed numbers of beams, the extra ones at -inf in the first step."""

import torch


@torch.no_grad()
def beam_search(model, prompt, *, beams, max_new_tokens, eos=None, length_penalty=1.0):
    if min(beams, max_new_tokens) < 1:
        raise ValueError("beams and max_new_tokens must be positive")
    device = prompt.device
    tokens = prompt.repeat(beams, 1)
    totals = torch.full((beams,), -torch.inf, dtype=torch.float64, device=device)
    totals[0] = 0.0
    best_text, best_score = prompt, -float("inf")
    for n in range(1, max_new_tokens + 1):
        lp = torch.log_softmax(model(tokens)[:, -1, :].double(), -1)
        V = lp.shape[-1]
        flat = (totals.unsqueeze(1) + lp).view(-1)
        values, index = flat.sort(descending=True)
        parent = torch.div(index, V, rounding_mode="floor")
        token = index.remainder(V)
        stops = torch.zeros_like(token, dtype=torch.bool)
        if eos is not None:
            stops = token == eos
        if n == max_new_tokens:
            stops = torch.ones_like(stops)
        done = stops[:beams].nonzero().flatten()
        if len(done):
            # of one length: the first is the best
            first = int(done[0])
            score = values[first].item() / n**length_penalty
            if score > best_score:
                best_score = score
                best_text = torch.cat([tokens[parent[first]], token[first : first + 1]])
        if n == max_new_tokens:
            break
        go = (~stops).nonzero().flatten()[:beams]
        tokens = torch.cat([tokens[parent[go]], token[go, None]], dim=1)
        totals = values[go]
    return best_text, best_score
