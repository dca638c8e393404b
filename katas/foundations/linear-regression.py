"""Linear regression: normal equations and gradient descent."""

import torch
from torch import Tensor


def fit_normal(X: Tensor, y: Tensor, *, l2: float = 0.0) -> tuple[Tensor, Tensor]:
    """Find the weights w and the intercept b that minimise

        (1/N) * sum over n of (X[n] . w + b - y[n])^2 + l2 * sum over d of w[d]^2

    by solving linear equations, once. The intercept is not penalised.

    Args:
        X: (N, D), any floating dtype. N is at least 1. With l2 = 0, its columns and a
            column of ones are independent, so N > D; with l2 > 0, N and D may be any, and
            columns may repeat.
        y: (N,), dtype of X.
        l2: At least 0.

    Returns:
        w (D,) and b (), both float64 for a float64 X, else float32, on the device of X. All
        is computed in float64: the equations square the condition of X.

        Columns may lie far from 0, such as a million with a spread of 1: for float64 X, w
        is then good to a relative 1e-6. Centre X and y before you form products.

    Raises:
        ValueError: X is not a matrix, y is not a vector, or they differ in N.

    Not allowed:
        lstsq, pinv, qr and svd. solve, cholesky and inv are allowed.
        Changing X or y in place.

    Source:
        Goodfellow et al. 2016, "Deep Learning", sections 5.1.4 and 5.2.2,
        https://www.deeplearningbook.org/contents/ml.html
    """
    raise NotImplementedError


def fit_descent(
    X: Tensor, y: Tensor, *, lr: float, steps: int, l2: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Take steps of plain gradient descent on the same objective, from w = 0 and b = 0.

    Each step uses all N rows and moves w and b at once, by lr times the gradient of the
    whole objective, penalty included, at the old w and b.

    Args:
        X, y, l2: As for fit_normal; the columns of X may be linearly dependent.
        lr: The learning rate.
        steps: How many; 0 leaves zeros.

    Returns:
        As for fit_normal, computed in float64.

    Raises:
        ValueError: As for fit_normal.

    Not allowed:
        As for fit_normal, and torch.optim.
    """
    raise NotImplementedError
