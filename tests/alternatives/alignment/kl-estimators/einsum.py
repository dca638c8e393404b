"""A table of functions, and products of probabilities and estimates by einsum."""

import torch

ESTIMATORS = {
    "k1": lambda x: x.neg(),
    "k2": lambda x: x.pow(2).mul(0.5),
    "k3": lambda x: x.expm1().sub(x),
}


def kl_estimate(log_prob, ref_log_prob, kind):
    try:
        estimator = ESTIMATORS[kind]
    except KeyError:
        raise ValueError(f"no estimator {kind!r}") from None
    return estimator(ref_log_prob - log_prob)


def bias_and_variance(logits, ref_logits, kind):
    p = torch.softmax(logits, dim=-1)
    x = torch.log_softmax(ref_logits, dim=-1) - torch.log_softmax(logits, dim=-1)
    x = x.masked_fill(logits == -torch.inf, 0.0)
    k = kl_estimate(torch.zeros_like(x), x, kind)
    mean = torch.einsum("...v,...v->...", p, k)
    kl = torch.einsum("...v,...v->...", p, -x)
    off = k - mean[..., None]
    return mean - kl, torch.einsum("...v,...v,...v->...", p, off, off)
