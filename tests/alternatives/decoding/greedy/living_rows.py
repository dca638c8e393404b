"""Only rows that still live are given to the model; lists of ints hold the text."""

import torch


def greedy_decode(model, prompt, *, max_new_tokens, eos=None, pad=0):
    if max_new_tokens < 0:
        raise ValueError("max_new_tokens")
    texts = prompt.tolist()
    living = list(range(len(texts)))
    steps = 0
    with torch.no_grad():
        for _ in range(max_new_tokens):
            if not living:
                break
            steps += 1
            batch = torch.tensor([texts[i] for i in living], device=prompt.device)
            best = torch.argmax(model(batch)[:, batch.shape[1] - 1], -1).tolist()
            for i, token in zip(living, best, strict=True):
                texts[i].append(token)
            living = [i for i, token in zip(living, best, strict=True) if token != eos]
    width = prompt.shape[1] + steps
    full = [text + [pad] * (width - len(text)) for text in texts]
    return torch.tensor(full, device=prompt.device)
