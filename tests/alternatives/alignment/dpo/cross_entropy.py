"""Both halves by way of torch's cross entropies."""

import torch
import torch.nn.functional as F


def sequence_log_prob(logits, input_ids, response_mask):
    B, T, V = logits.shape
    targets = torch.where(response_mask, input_ids, -100)[:, 1:]
    wide = torch.float64 if logits.dtype == torch.float64 else torch.float32
    nll = F.cross_entropy(
        logits[:, :-1].reshape(-1, V).to(wide), targets.reshape(-1), reduction="none"
    )
    return nll.view(B, T - 1).sum(-1).neg()


def dpo_loss(
    chosen_log_prob,
    rejected_log_prob,
    ref_chosen_log_prob,
    ref_rejected_log_prob,
    *,
    beta=0.1,
    label_smoothing=0.0,
):
    if beta <= 0 or not (0 <= label_smoothing < 0.5):
        raise ValueError(f"{beta=} {label_smoothing=}")
    with torch.no_grad():
        ref_gap = ref_chosen_log_prob - ref_rejected_log_prob
        rewards = [
            (chosen_log_prob - ref_chosen_log_prob) * beta,
            (rejected_log_prob - ref_rejected_log_prob) * beta,
        ]
    # two classes, "chosen is better" and "rejected is better"
    h = beta * ((chosen_log_prob - rejected_log_prob) - ref_gap)
    scores = torch.stack([h, torch.zeros_like(h)], dim=1)
    log_p = F.log_softmax(scores, dim=1)
    loss = -((1 - label_smoothing) * log_p[:, 0] + label_smoothing * log_p[:, 1]).mean()
    return loss, *rewards
