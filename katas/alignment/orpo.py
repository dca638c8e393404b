"""ORPO loss."""

import torch
from torch import Tensor


def orpo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    chosen_mask: Tensor,
    rejected_mask: Tensor,
    *,
    beta: float = 0.1,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fine-tuning and preferences in one loss, without a reference model.

    The log-probability of a response, log P, is the mean over its tokens; so P is the
    geometric mean of their probabilities. Its odds are P / (1 - P). With log_odds_ratio =
    log(odds of the chosen response) - log(odds of the rejected one), the loss of a pair is

        -log P(chosen) - beta * log(sigmoid(log_odds_ratio))

    It is exact for P near 1 as well: for log P = -1e-12, where 1 - P is 1e-12, the log of
    the odds is 27.631021 to within 1e-6 in float64.

    Args:
        chosen_log_prob: (B, T_c), B >= 1, any floating dtype, of each token of the
            preferred responses. Each mean over a response's tokens is below 0.
        rejected_log_prob: (B, T_r), same dtype, of the other responses.
        chosen_mask, rejected_mask: (B, T_c) and (B, T_r) bool, true on response tokens,
            which need not be contiguous; at least one in each row.
        beta: Weight of the preferences.

    Returns:
        (loss, sft_loss, log_odds_ratio), on the device of chosen_log_prob; float32, or
        float64 for float64 log-probabilities; computed in no less.
        loss: scalar, the mean over pairs. sft_loss: scalar, the mean over pairs of the
        first term. log_odds_ratio: (B,). The last two carry no gradient.
        Gradients flow into both log-probabilities. What stands where a mask is false, even
        inf or NaN, changes neither the results nor the gradient, which is 0 there.

    Not allowed:
        Changing an argument in place.

    Source:
        Hong et al. 2024, "ORPO: Monolithic Preference Optimization without Reference
        Model", equations 2 to 7, https://arxiv.org/abs/2403.07691
    """
    raise NotImplementedError
