"""One row of the vocabulary at a time, one token at a time."""

import torch


def kl_estimate(log_prob, ref_log_prob, kind):
    d = log_prob - ref_log_prob
    if kind == "k1":
        return d
    elif kind == "k2":
        return 0.5 * d * d
    elif kind == "k3":
        return d + torch.special.expm1(-d)
    else:
        raise ValueError(kind)


def bias_and_variance(logits, ref_logits, kind):
    if kind not in ("k1", "k2", "k3"):
        raise ValueError(kind)
    V = logits.shape[-1]
    rows, refs = logits.reshape(-1, V), ref_logits.reshape(-1, V)
    biases, variances = [], []
    for row, ref in zip(rows, refs, strict=True):
        row = row - torch.logsumexp(row, dim=0)
        ref = ref - torch.logsumexp(ref, dim=0)
        drawn = [i for i in range(V) if row[i] > -torch.inf]
        kl = mean = 0.0
        for i in drawn:
            kl = kl + row[i].exp() * (row[i] - ref[i])
            mean = mean + row[i].exp() * kl_estimate(row[i], ref[i], kind)
        variance = 0.0
        for i in drawn:
            variance = variance + row[i].exp() * (kl_estimate(row[i], ref[i], kind) - mean) ** 2
        biases.append(mean - kl)
        variances.append(variance)
    shape = logits.shape[:-1]
    return torch.stack(biases).reshape(shape), torch.stack(variances).reshape(shape)
