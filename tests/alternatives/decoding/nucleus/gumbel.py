import torch
import torch.nn.functional as F


def top_p_filter(log_probs, p):
    """Set what lies outside the nucleus to -inf, in the original order."""
    order = torch.argsort(-log_probs, dim=-1, stable=True)
    mass = log_probs.gather(1, order).exp().cumsum(dim=1)
    remove = mass >= p
    # shift right: the token that crosses stays
    remove = torch.cat([torch.zeros_like(remove[:, :1]), remove[:, :-1]], dim=1)
    if p == 1:
        remove[:] = False
    mask = torch.empty_like(remove).scatter_(1, order, remove)
    return log_probs.masked_fill(mask, -torch.inf)


def nucleus_sample(logits, p, *, temperature=1.0, generator):
    if not (p > 0 and p <= 1) or not temperature > 0:
        raise ValueError(f"bad p {p} or temperature {temperature}")
    x = logits if logits.dtype == torch.float64 else logits.float()
    filtered = top_p_filter(F.log_softmax(x / temperature, dim=1), p)
    noise = torch.empty_like(filtered).exponential_(generator=generator).log().neg()
    return (filtered + noise).argmax(dim=1)
