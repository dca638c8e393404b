"""Reward model training loss."""

import torch
from torch import Tensor


def sequence_rewards(scores: Tensor, attention_mask: Tensor) -> Tensor:
    """Read each sequence's reward from the score of its last token.

    A reward model has a head that gives every token a score. The reward of a sequence is
    the score at the last position where attention_mask is true: only that token has seen
    all of the sequence. Padding may stand on the right, on the left, or on both sides.

    Args:
        scores: (B, T), any floating dtype. Padding may hold anything, inf and NaN too.
        attention_mask: (B, T) bool, true on tokens, false on padding.

    Returns:
        (B,), dtype and device of scores. Only the scores that were read get a gradient; all others
        get 0.

    Raises:
        ValueError: a row of attention_mask has no true position.

    Not allowed:
        Changing an argument in place.
    """
    raise NotImplementedError


def reward_loss(
    chosen_rewards: Tensor,
    rejected_rewards: Tensor,
    margin: Tensor | None = None,
    *,
    center_rewards_coefficient: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Bradley-Terry loss on pairs of responses to the same prompt.

    The probability that the chosen response is preferred is sigmoid(chosen - rejected).
    With m the pair's margin, 0 if there is none, the loss of a pair is

        -log(sigmoid(chosen - rejected - m)) + center * (chosen + rejected)^2

    Loss and gradient stay finite and exact for any finite difference: 5,000 and -5,000
    too.

    Args:
        chosen_rewards, rejected_rewards: (B,), B >= 1, any floating dtype.
        margin: (B,), dtype of the rewards: how much better the chosen response is. A
            constant: no gradient flows into it, even if it requires one.
        center_rewards_coefficient: center above. It keeps rewards near 0, which the
            first term leaves open.

    Returns:
        (loss, accuracy), scalars: the mean over pairs of the loss; the share of pairs with
        chosen > rejected, whatever the margin. Equal rewards are not right. accuracy
        carries no gradient. dtype: float32, or float64 for float64 rewards; computed in
        no less.

    Raises:
        ValueError: rejected_rewards or margin has another shape than chosen_rewards.

    Not allowed:
        Changing an argument in place.

    Source:
        Ouyang et al. 2022, "Training language models to follow instructions with human
        feedback", https://arxiv.org/abs/2203.02155. Margin: Touvron et al. 2023,
        "Llama 2", https://arxiv.org/abs/2307.09288. Centring: Eisenstein et al. 2023,
        "Helping or Herding?", https://arxiv.org/abs/2312.09244.
    """
    raise NotImplementedError
