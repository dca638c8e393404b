"""softplus of the negative margin; a dot product for the mean of squares; double inside."""

import torch


def _check(**settings):
    for name, (value, low) in settings.items():
        if value <= low:
            raise ValueError(f"{name} = {value}")


def simpo_loss(
    chosen_log_prob, rejected_log_prob, chosen_length, rejected_length, *, beta=2.0, gamma=1.0
):
    _check(beta=(beta, 0.0), gamma=(gamma, -1e-12))
    per_token = [
        torch.div(chosen_log_prob.double(), chosen_length),
        torch.div(rejected_log_prob.double(), rejected_length),
    ]
    c, r = (beta * x for x in per_token)
    loss = torch.nn.functional.softplus(r - c + gamma, threshold=50).mean()
    out = chosen_log_prob.dtype
    return loss.to(out), c.data.to(out), r.data.to(out)


def ipo_loss(
    chosen_log_prob, rejected_log_prob, ref_chosen_log_prob, ref_rejected_log_prob, *, tau=0.1
):
    _check(tau=(tau, 0.0))
    ratio_c = chosen_log_prob.double() - ref_chosen_log_prob.data.double()
    ratio_r = rejected_log_prob.double() - ref_rejected_log_prob.data.double()
    off = ratio_c - ratio_r - 1 / (2 * tau)
    return (torch.dot(off, off) / off.numel()).to(chosen_log_prob.dtype)
