"""No sort: a V by V table of who comes before whom; Gumbel noise for the draw."""

import torch


def typical_sample(logits, mass, *, temperature=1.0, generator):
    if not (0 < mass <= 1 and temperature > 0):
        raise ValueError((mass, temperature))
    B, V = logits.shape
    x = logits.double() / temperature
    logp = torch.log_softmax(x, dim=1)
    p = logp.exp()
    H = torch.special.entr(p).sum(1, keepdim=True)
    d = torch.abs(logp + H)
    index = torch.arange(V)
    closer = d[:, :, None] < d[:, None, :]
    equal = (d[:, :, None] == d[:, None, :]) & (index[:, None] < index)
    # entry i, j: i comes before j
    before = ((closer | equal) * p[:, :, None]).sum(1)
    x = x.masked_fill(before >= mass, -torch.inf)
    u = torch.rand(B, V, generator=generator, dtype=torch.float64)
    return (x - torch.log(-torch.log(u))).argmax(1)
