"""A hypothesis is an object; each keeps its best 2 * beams tokens before all are ranked."""

from dataclasses import dataclass

import torch


@dataclass
class Hypothesis:
    tokens: torch.Tensor
    logp: torch.Tensor
    n: int = 0

    def plus(self, token, logp):
        return Hypothesis(torch.cat([self.tokens, token.view(1)]), self.logp + logp, self.n + 1)

    def score(self, alpha):
        return float(self.logp) / self.n**alpha


@torch.no_grad()
def beam_search(model, prompt, *, beams, max_new_tokens, eos=None, length_penalty=1.0):
    if beams < 1 or max_new_tokens < 1:
        raise ValueError("at least one beam and one token")
    alive, ended = [Hypothesis(prompt, torch.zeros((), dtype=torch.float64))], []
    while alive and alive[0].n < max_new_tokens:
        logits = model(torch.stack([h.tokens for h in alive]))[:, -1]
        if logits.dtype != torch.float64:
            logits = logits.float()
        logp = logits - logits.logsumexp(-1, keepdim=True)
        k = min(2 * beams, logp.shape[1])
        top = logp.topk(k, dim=-1)
        pool = [
            h.plus(top.indices[i, j], top.values[i, j])
            for i, h in enumerate(alive)
            for j in range(k)
        ]
        pool.sort(key=lambda h: float(h.logp), reverse=True)
        final = pool[0].n == max_new_tokens
        over = [final or h.tokens[-1].item() == eos for h in pool]
        ended += [h for h, x in zip(pool[:beams], over, strict=False) if x]
        alive = [h for h, x in zip(pool, over, strict=True) if not x][:beams]
    winner = max(ended, key=lambda h: h.score(length_penalty))
    return winner.tokens, winner.score(length_penalty)
