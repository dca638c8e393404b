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
    """Mark the tokens that were seen, weaken them, and zero what lies below the threshold."""
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must be in [0, 1], got {min_p}")
    if not (repetition_penalty > 0 and temperature > 0):
        raise ValueError(
            f"repetition_penalty ({repetition_penalty}) and temperature ({temperature}) "
            "must be greater than 0"
        )

    B, V = logits.shape
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    # one column more than there are tokens takes the padding
    seen = torch.zeros(B, V + 1, dtype=torch.bool, device=logits.device)
    seen = seen.scatter(1, context.masked_fill(context < 0, V), True)[:, :V]
    weaker = torch.where(scores > 0, scores / repetition_penalty, scores * repetition_penalty)
    scores = torch.where(seen, weaker, scores)

    probabilities = (scores / temperature).softmax(dim=-1)
    threshold = min_p * probabilities.amax(dim=-1, keepdim=True)
    kept = probabilities.masked_fill(probabilities < threshold, 0.0)
    return kept.multinomial(1, generator=generator).squeeze(-1)
