"""SimPO and IPO losses."""

import torch
from torch import Tensor


def simpo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    chosen_length: Tensor,
    rejected_length: Tensor,
    *,
    beta: float = 2.0,
    gamma: float = 1.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Preference optimisation without a reference, on length-normalised rewards.

    The reward of a response is beta * log_prob / length, so beta times the mean over its
    tokens. The loss of a pair is

        -log(sigmoid(chosen reward - rejected reward - gamma))

    Loss and gradient stay finite and exact however large the rewards, say 1e4 apart.

    Args:
        chosen_log_prob, rejected_log_prob: (B,), B >= 1, float32 or float64. The policy's
            log-probability of each pair's preferred and other response, summed over tokens.
        chosen_length, rejected_length: (B,) int64, at least 1: their numbers of tokens.
        beta: Scale of the rewards.
        gamma: By how much the chosen reward should exceed the other one, on the scale of
            the rewards: it is not multiplied by beta.

    Returns:
        (loss, chosen_rewards, rejected_rewards). loss: scalar, the mean over pairs. The
        rewards: (B,), for logging, carry no gradient. dtype of the log-probabilities.

    Raises:
        ValueError: beta is not positive, or gamma is negative.

    Not allowed:
        Changing an argument in place.

    Source:
        Meng et al. 2024, "SimPO: Simple Preference Optimization with a Reference-Free
        Reward", https://arxiv.org/abs/2405.14734
    """
    raise NotImplementedError


def ipo_loss(
    chosen_log_prob: Tensor,
    rejected_log_prob: Tensor,
    ref_chosen_log_prob: Tensor,
    ref_rejected_log_prob: Tensor,
    *,
    tau: float = 0.1,
) -> Tensor:
    """Identity preference optimisation: a regression of the margin on 1 / (2 * tau).

    With h = (chosen_log_prob - ref_chosen_log_prob) - (rejected_log_prob -
    ref_rejected_log_prob), the loss of a pair is (h - 1 / (2 * tau))^2. The margin h is not
    multiplied by tau, and not divided by lengths.

    Args:
        chosen_log_prob, rejected_log_prob: (B,), B >= 1, float32 or float64, as above.
        ref_chosen_log_prob, ref_rejected_log_prob: (B,), same dtype. The reference model's.
            They are constants: no gradient flows into them, even if they require one.
        tau: Strength of the pull towards the reference.

    Returns:
        Scalar, the mean over pairs. dtype of the inputs.

    Raises:
        ValueError: tau is not positive.

    Not allowed:
        Changing an argument in place.

    Source:
        Azar et al. 2023, "A General Theoretical Paradigm to Understand Learning from Human
        Preferences", equation 17, https://arxiv.org/abs/2310.12036
    """
    raise NotImplementedError
