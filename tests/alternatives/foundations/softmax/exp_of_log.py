"""log-sum-exp first; softmax is the exp of log_softmax."""

import torch


def lse(x, dim):
    m = x.max(dim, keepdim=True)[0].detach()
    return m + torch.log(torch.sum(torch.exp(x - m), dim, keepdim=True))


def _wide(x):
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def log_softmax(x, dim=-1):
    # a new name for the wide copy: x itself tells the dtype of the result
    y = _wide(x)
    m = y.amax(dim, keepdim=True)
    return ((y - m) - lse(y - m, dim)).type_as(x)


def softmax(x, dim=-1):
    y = _wide(x)
    m = y.amax(dim, keepdim=True)
    return torch.exp((y - m) - lse(y - m, dim)).type_as(x)
