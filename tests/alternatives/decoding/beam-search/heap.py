"""Plain lists and heapq; stops as soon as no live hypothesis can win."""

import heapq
import math

import torch


def log_softmax(row):
    top = max(row)
    norm = top + math.log(math.fsum(math.exp(x - top) for x in row))
    return [x - norm for x in row]


@torch.inference_mode()
def beam_search(model, prompt, *, beams, max_new_tokens, eos=None, length_penalty=1.0):
    if beams < 1:
        raise ValueError(f"{beams} beams")
    if max_new_tokens < 1:
        raise ValueError(f"{max_new_tokens} tokens")
    start = tuple(prompt.tolist())
    live = [(0.0, start)]
    results = []

    def bound(total, n):
        lengths = range(n + 1, max_new_tokens + 1)
        return max(total / m**length_penalty for m in (lengths[0], lengths[-1]))

    for n in range(1, max_new_tokens + 1):
        batch = torch.tensor([text for _, text in live], device=prompt.device)
        rows = model(batch)[:, -1].double().tolist()
        extensions = [
            (total + gain, (*text, token))
            for (total, text), row in zip(live, rows, strict=True)
            for token, gain in enumerate(log_softmax(row))
            if gain > -math.inf
        ]
        ranking = heapq.nlargest(2 * beams, extensions)
        last = n == max_new_tokens
        for total, text in ranking[:beams]:
            if last or text[-1] == eos:
                results.append((total / n**length_penalty, text))
        if last:
            break
        live = [pair for pair in ranking if pair[1][-1] != eos][:beams]
        if not live:
            break
        if results and max(results)[0] > max(bound(total, n) for total, _ in live):
            break
    score, text = max(results)
    return torch.tensor(text, device=prompt.device), score
