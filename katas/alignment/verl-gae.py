"""veRL compute_gae_advantage_return."""

import torch
from torch import Tensor


def compute_gae_advantage_return(
    token_level_rewards: Tensor,
    values: Tensor,
    response_mask: Tensor,
    gamma: float,
    lam: float,
) -> tuple[Tensor, Tensor]:
    """Advantages and returns of a batch of responses, the advantages whitened.

    The steps of a row are its response tokens, those with a true response_mask. What lies
    between and around them (prompt, a tool's output, padding) is no step: the sequence of
    steps goes on behind it as if it were cut out. A reward that stands there is lost.

    With r, v and A the reward, value and advantage of a step, v' and A' those of the next
    step of the row:

        A = r + gamma * v' - v + gamma * lam * A'

    Behind the last step of a row v' and A' are 0: every response ends there. The return of
    a step is A + v. Then, and only then, all advantages of the batch are whitened: their
    mean is subtracted, and the result multiplied by 1 / sqrt(variance + 1e-8). Mean and
    variance are over the response tokens of all rows together; the variance is the unbiased
    one, divided by their number less 1.

    Args:
        token_level_rewards: (B, T), any floating dtype.
        values: (B, T), same dtype, the critic's.
        response_mask: (B, T) bool. The true positions of a row need not be contiguous; a
            row may have none.
        gamma: Discount factor.
        lam: The lambda of GAE.

    Returns:
        (advantages, returns), both (B, T): the whitened advantages, and the returns, which
        are not whitened. What they hold where response_mask is false is not looked at.
        On the device of the rewards; float32, or float64 for float64 rewards; computed in
        no less. Both are constants: they carry no gradient, even if an argument does. What
        the arguments hold where response_mask is false, even inf or NaN, changes nothing.

    Raises:
        ValueError: response_mask has fewer than two true entries.

    Not allowed:
        Changing an argument in place.

    Source:
        veRL, verl/trainer/ppo/core_algos.py, which adds 1e-8 to the number of tokens as
        well. Schulman et al. 2015, "High-Dimensional Continuous Control Using Generalized
        Advantage Estimation", https://arxiv.org/abs/1506.02438
    """
    raise NotImplementedError
