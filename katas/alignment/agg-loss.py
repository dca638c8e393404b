"""veRL agg_loss: every aggregation mode."""

import torch
from torch import Tensor


def agg_loss(
    loss_mat: Tensor,
    loss_mask: Tensor,
    loss_agg_mode: str,
    dp_size: int = 1,
    batch_num_tokens: int | None = None,
    global_batch_size: int | None = None,
    loss_scale_factor: float | None = None,
) -> Tensor:
    """Make one number of the losses of all response tokens.

    A token counts where loss_mask is true, a sequence if it has such a token. With sum(b)
    and n(b) the sum and the number of the losses that count in row b, the loss is, by
    loss_agg_mode:

        token-mean               sum of sum(b), over the number of tokens
        seq-mean-token-sum       sum of sum(b), over the number of sequences
        seq-mean-token-mean      sum of sum(b) / n(b), over the number of sequences
        seq-mean-token-sum-norm  seq-mean-token-sum, over loss_scale_factor

    A call may see only a micro-batch, on one of dp_size processes. Then the number of
    tokens is batch_num_tokens and that of sequences global_batch_size, both counted over
    all processes and micro-batches. And the loss is multiplied by dp_size, in every mode,
    since the gradients of the processes are averaged later: the average of the processes'
    sums is then the loss of the whole batch.

    Args:
        loss_mat: (B, T), T >= 1, any floating dtype, the loss of each token.
        loss_mask: (B, T) bool. The true positions of a row need not be contiguous.
        loss_agg_mode: One of the four names above.
        dp_size: How many processes share the batch.
        batch_num_tokens: At least 1; None: count in loss_mask. Counts in token-mean only.
        global_batch_size: At least 1; None: count in loss_mask. Counts in the other three.
        loss_scale_factor: Positive; None: T. Counts in seq-mean-token-sum-norm only.

    Returns:
        Scalar on the device of loss_mat; float32, or float64 for float64 loss_mat; computed
        in no less. Gradients flow into loss_mat. What stands where loss_mask is false, even
        inf or NaN, changes neither the loss nor the gradient, which is 0 there. If no token
        counts, loss and gradient are 0.

    Raises:
        ValueError: loss_agg_mode is none of the four; or dp_size is above 1 and the count
            that the mode divides by is None.

    Not allowed:
        Changing an argument in place.

    Source:
        veRL, verl/trainer/ppo/core_algos.py, since pull request 5417,
        https://github.com/verl-project/verl/pull/5417. There a batch without tokens gives
        NaN unless the count is given, and 1e-8 is added to n(b). Its token-sum, of pull
        request 7197, is left out.
    """
    raise NotImplementedError
