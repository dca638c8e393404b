"""Logistic regression."""

import torch
from torch import Tensor


def logistic_loss(
    X: Tensor, y: Tensor, w: Tensor, b: Tensor, *, l2: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Work out the objective and its gradients by hand.

    With p[n] = sigmoid(X[n] . w + b), the probability of class 1, the objective is

        -(1/N) * sum over n of (y[n] log p[n] + (1 - y[n]) log(1 - p[n]))
            + l2 * sum over d of w[d]^2

    The intercept is not penalised. All is right for large scores X[n] . w + b, such as
    10,000 and -10,000, where p is 0 or 1 in any float.

    Args:
        X: (N, D), any floating dtype. N is at least 1.
        y: (N,), the class 0 or 1 of each row, int64.
        w: (D,), any floating dtype.
        b: (), any floating dtype.
        l2: At least 0.

    Returns:
        The objective (), its gradient by w (D,) and by b (): float64 for a float64 X, else
        float32; on the device of X. All is computed in float64.

    Raises:
        ValueError: X is not a matrix, y is not a vector, they differ in N, or an entry of
            y is neither 0 nor 1.

    Not allowed:
        Autograd, backward or forward: backward, torch.autograd.grad, torch.func.grad, vjp,
            requires_grad_ and the like. It must also run under torch.inference_mode().
        binary_cross_entropy, binary_cross_entropy_with_logits, soft_margin_loss and
        cross_entropy. sigmoid and logsigmoid are allowed.
        Changing an argument in place.

    Source:
        Hastie et al. 2009, "The Elements of Statistical Learning", section 4.4,
        https://hastie.su.domains/ElemStatLearn/
    """
    raise NotImplementedError


def fit_logistic(
    X: Tensor, y: Tensor, *, lr: float, steps: int, l2: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Take steps of plain gradient descent on that objective, from w = 0 and b = 0.

    Each step uses all N rows and moves w and b at once, by lr times the gradient of the
    whole objective, penalty included, at the old w and b.

    Args:
        X, y, l2: As for logistic_loss. The classes may be separable, or one may be missing.
        lr: The learning rate.
        steps: How many; 0 leaves zeros.

    Returns:
        w (D,) and b (), float64 for a float64 X, else float32; on the device of X. Computed
        in float64.

    Raises:
        ValueError: As for logistic_loss, with 0 steps too.

    Not allowed:
        As for logistic_loss, and torch.optim.
    """
    raise NotImplementedError


def predict_proba(X: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Give the probability of class 1 for each row: sigmoid(X[n] . w + b).

    Args:
        X, w, b: As for logistic_loss; N may be 0.

    Returns:
        (N,), float64 for a float64 X, else float32. Computed in float64. Never NaN for
        finite scores.
    """
    raise NotImplementedError
