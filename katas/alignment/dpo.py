"""DPO loss."""

import torch
from torch import Tensor


def sequence_log_prob(logits: Tensor, input_ids: Tensor, response_mask: Tensor) -> Tensor:
    """Log-probability of each response: the sum over its tokens, not their mean.

    logits[:, t] predict input_ids[:, t + 1]. So the token at t is scored by the logits
    at t - 1, and the token at 0 by none: it never counts, whatever its mask.

    Args:
        logits: (B, T, V), any floating dtype.
        input_ids: (B, T) int64, prompt and response, padded with any ids in 0..V-1.
        response_mask: (B, T) bool. True where input_ids holds a response token; false
            on prompt and padding. The true positions of a row need not be contiguous.

    Returns:
        (B,) float32, or float64 for float64 logits; computed in no less. A response
        without tokens has log-probability 0. A token outside the response may have
        log-probability -inf, with no effect on value and gradient.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def dpo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    ref_chosen_log_prob: Tensor,
    ref_rejected_log_prob: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Direct preference optimisation of a policy against a frozen reference.

    The implicit reward of a response is beta * (log_prob - ref_log_prob). With h the
    reward of the chosen response minus that of the rejected one, and eps the
    label_smoothing, the loss of a pair is

        -(1 - eps) * log(sigmoid(h)) - eps * log(sigmoid(-h))

    eps = 0 is DPO; eps > 0, the chance that a label is flipped, is conservative DPO.
    Loss and gradient stay finite and exact for any finite h: 5,000 and -5,000 too.

    Args:
        chosen_log_prob, rejected_log_prob: (B,), B >= 1, float32 or float64. The
            policy's log-probability of each pair's preferred and other response.
        ref_chosen_log_prob, ref_rejected_log_prob: (B,), same dtype. The reference
            model's. They are constants: no gradient flows into them, even if they
            require one.
        beta: Strength of the pull towards the reference.
        label_smoothing: eps above.

    Returns:
        (loss, chosen_rewards, rejected_rewards). loss: scalar, the mean over pairs.
        The rewards: (B,), for logging, carry no gradient and do not depend on
        label_smoothing. dtype of the inputs.

    Raises:
        ValueError: beta is not positive, or label_smoothing is outside [0, 0.5).

    Not allowed:
        Changing an argument in place.

    Source:
        Rafailov et al. 2023, "Direct Preference Optimization: Your Language Model is
        Secretly a Reward Model", https://arxiv.org/abs/2305.18290
    """
    raise NotImplementedError
