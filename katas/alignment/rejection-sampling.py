"""Rejection-sampling fine-tuning (RFT)."""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor


def collect(
    prompts: Sequence[str],
    sample: Callable[[str, int], list[str]],
    verify: Callable[[str, str], bool],
    path: Callable[[str], Hashable],
    *,
    k: int,
    per_prompt: int,
) -> tuple[list[tuple[int, str]], list[float]]:
    """Make training data of a model's own correct responses.

    For each prompt, in order and on its own:

    1. Sample k responses, by one call of sample(prompt, k).
    2. Keep the correct ones, by verify(prompt, response). Verifying is dear: each text is
       verified once for a prompt, however often it was sampled.
    3. Put the correct responses in classes by path(response), which names the way that leads
       to the answer, say the list of equations. The size of a class is the number of samples
       in it, repeats included; its place is that of the first sample in it.
    4. If there are more than per_prompt classes, keep the per_prompt largest ones; of classes
       of one size, those whose place comes first.
    5. Of each class that is kept take its shortest text by len; of texts of one length, the
       one that was sampled first.

    Args:
        prompts: May hold the same text twice; each entry is worked on by itself.
        sample: Gives exactly k responses; texts may repeat.
        verify: Whether a response is correct. Deterministic.
        path: Only for correct responses: it may raise for others.
        k: Samples for each prompt.
        per_prompt: At most so many examples for each prompt.

    Returns:
        (examples, pass_rates). examples: (index of the prompt, response), prompts in order;
        within a prompt by the place of the class. A prompt without correct responses gives
        none. pass_rates: for each prompt the number of correct samples, repeats included,
        divided by k.

    Raises:
        ValueError: k or per_prompt is below 1.
    """
    raise NotImplementedError


def rft_loss(logits: Tensor, input_ids: Tensor, response_mask: Tensor, index: Tensor) -> Tensor:
    """Negative log-likelihood of the examples, in which each prompt weighs the same.

    The mean over an example's response tokens comes first, then the mean over the examples of
    a prompt, then the mean over prompts. So neither long responses nor prompts with many
    examples outweigh the others.

    logits[:, t] predict input_ids[:, t + 1]: the token at t is scored by the logits at t - 1.

    Args:
        logits: (B, T, V), any floating dtype.
        input_ids: (B, T) int64, prompt and response, padded with any ids in 0..V-1.
        response_mask: (B, T) bool. True on response tokens, which need not be contiguous;
            false on prompt and padding.
        index: (B,) int64. Examples with the same number belong to the same prompt. Any
            numbers, in any order.

    Returns:
        Scalar, float32, or float64 for float64 logits; computed in no less. A token outside
        the response may have log-probability -inf, with no effect on value and gradient.

    Raises:
        ValueError: A row of response_mask has no true entry, or a true one at position 0,
            which no logits predict.

    Not allowed:
        Changing an argument in place.

    Source:
        Yuan et al. 2023, "Scaling Relationship on Learning Mathematical Reasoning with Large
        Language Models", https://arxiv.org/abs/2308.01825, which keeps one correct response
        for each distinct list of equations. Which one, the cap and the weights are this
        kata's own.
    """
    raise NotImplementedError
