"""Softmax regression."""

import torch
from torch import Tensor


def softmax_loss(
    X: Tensor, y: Tensor, W: Tensor, b: Tensor, *, l2: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Work out the objective and its gradients by hand.

    With the scores Z = X W + b, (N, K), and P their softmax over the K classes, the
    objective is

        -(1/N) * sum over n of log P[n, y[n]] + l2 * sum over d and k of W[d, k]^2

    The intercepts are not penalised. All is right for large scores, such as 10,000 and
    -10,000.

    Args:
        X: (N, D), any floating dtype. N is at least 1.
        y: (N,) int64, the class of each row, from 0 to K - 1.
        W: (D, K), any floating dtype.
        b: (K,), any floating dtype.
        l2: At least 0.

    Returns:
        The objective (), its gradient by W (D, K) and by b (K,): float64 for a float64 X,
        else float32; on the device of X. All is computed in float64.

    Raises:
        ValueError: X is not a matrix, y is not a vector, they differ in N, or a class is
            not from 0 to K - 1.

    Not allowed:
        Autograd, backward or forward: backward, torch.autograd.grad, torch.func.grad, vjp,
            requires_grad_ and the like. It must also run under torch.inference_mode().
        cross_entropy and nll_loss. softmax, log_softmax and logsumexp are allowed.
        Changing an argument in place.

    Source:
        Hastie et al. 2009, "The Elements of Statistical Learning", section 4.4,
        https://hastie.su.domains/ElemStatLearn/
    """
    raise NotImplementedError


def fit_softmax(
    X: Tensor, y: Tensor, n_classes: int, *, lr: float, steps: int, l2: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Take steps of plain gradient descent on that objective, from W = 0 and b = 0.

    Each step uses all N rows and moves W and b at once, by lr times the gradient of the
    whole objective, penalty included, at the old W and b.

    Args:
        X, y, l2: As for softmax_loss.
        n_classes: K. Some classes may not occur in y, the last ones too.
        lr: The learning rate.
        steps: How many; 0 leaves zeros.

    Returns:
        W (D, K) and b (K,), float64 for a float64 X, else float32; on the device of X.
        Computed in float64.

    Raises:
        ValueError: As for softmax_loss, with 0 steps too.

    Not allowed:
        As for softmax_loss, and torch.optim.
    """
    raise NotImplementedError


def predict(X: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Give the likeliest class of each row, (N,) int64; of equal ones the lowest.

    Args:
        X, W, b: As for softmax_loss; N may be 0. Scores are computed in float64.
    """
    raise NotImplementedError
