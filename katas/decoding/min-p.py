"""Min-p sampling and repetition penalty."""

import torch
from torch import Tensor


def min_p_sample(
    logits: Tensor,
    context: Tensor,
    *,
    min_p: float,
    repetition_penalty: float = 1.0,
    temperature: float = 1.0,
    generator: torch.Generator,
) -> Tensor:
    """Draw one token per row from those at least min_p times as likely as the likeliest.

    1. Repetition penalty: the logit of each token that occurs in its row's context is
       divided by repetition_penalty if it is above 0, and multiplied by it if it is below.
       Once, however often the token occurs. Other tokens keep their logits.
    2. Temperature: probabilities = softmax(logits after 1 / temperature).
    3. Min-p: tokens whose probability is at least min_p times the largest probability of
       the row are kept; the likeliest always is. Tokens of equal probability are kept or
       cut together.
    4. The token is drawn from those, with the probabilities divided by their sum.

    With probabilities 0.5, 0.3, 0.15, 0.05 after step 2 and min_p = 0.4, the threshold is
    0.2: the first two are drawn, with 0.625 and 0.375. min_p = 0 keeps all. Rounding: a
    probability within a relative 1e-4 of the threshold may be kept or cut.

    Rows are independent, and each makes its own draw. How you draw is your choice: tests
    look at the distribution of the tokens.

    Args:
        logits: (B, V), any floating dtype. Finite or -inf, with at least one finite logit
            in each row. A logit of -inf is never drawn.
        context: (B, T) int64 on the device of logits, the tokens so far, and -1 where there
            is none (padding, at any place). T may be 0.
        min_p: From 0 to 1.
        repetition_penalty: Greater than 0. Above 1 it makes repetition less likely.
        temperature: Greater than 0.
        generator: The only source of randomness, on the device of logits. The same state of
            it gives the same tokens; each call moves it on.

    Returns:
        (B,) int64, indices into V, on the device of logits. All is computed in at least
        float32; float64 logits may be rounded to float32 first.

    Raises:
        ValueError: min_p is not in [0, 1], or repetition_penalty or temperature is not
            greater than 0.

    Not allowed:
        Changing logits or context in place. Seeding the generator, or setting its state.
        Using or seeding torch's global generator.

    Source:
        Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling",
        https://arxiv.org/abs/2407.01082; Keskar et al. 2019, "CTRL",
        https://arxiv.org/abs/1909.05858, with the case below 0 as in transformers.
    """
    raise NotImplementedError
