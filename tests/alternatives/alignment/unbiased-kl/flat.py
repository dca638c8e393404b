"""Only response tokens; costs by a triangular matrix; double precision inside."""

import torch


def token_kl_loss(log_prob, old_log_prob, ref_log_prob, response_mask):
    out = torch.promote_types(log_prob.dtype, torch.float32)
    new = log_prob[response_mask].double()
    old = old_log_prob.detach()[response_mask].double()
    ref = ref_log_prob.detach()[response_mask].double()
    # ratio * k3 = (q - p) / old + ratio * log(p / q)
    terms = torch.exp(ref - old) - torch.exp(new - old) + torch.exp(new - old) * (new - ref)
    return (terms.sum() / max(len(terms), 1)).to(out)


def sequence_kl_loss(log_prob, ref_log_prob, response_mask):
    out = torch.promote_types(log_prob.dtype, torch.float32)
    T = log_prob.shape[1]
    zero = torch.zeros_like(log_prob)
    new = torch.where(response_mask, log_prob, zero).double()
    ref = torch.where(response_mask, ref_log_prob.data, zero).double()
    gap = (new - ref).detach()
    later = torch.ones(T, T, dtype=torch.float64, device=log_prob.device).tril()
    cost = gap @ later
    surrogate = (cost * new).sum(1)
    value = gap.sum(1)
    return (value - surrogate.detach() + surrogate).mean().to(out)
