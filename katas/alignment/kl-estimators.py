"""k1, k2 and k3 KL estimators."""

import torch
from torch import Tensor


def kl_estimate(log_prob: Tensor, ref_log_prob: Tensor, kind: str) -> Tensor:
    """Estimate KL(policy || reference) from tokens that the policy sampled.

    With r = reference probability / policy probability of the sampled token, so that
    log r = ref_log_prob - log_prob:

        k1 = -log r
        k2 = (log r)^2 / 2
        k3 = (r - 1) - log r

    Each is one number a sample. k3 keeps its relative precision where r is near 1: for
    log r = 1e-8 it is 5e-17 to within 0.1 % in float64, although r - 1 and log r agree in
    their first eight digits. Where log r > 300 (for float32, > 40) nothing is asked.

    Args:
        log_prob: Any shape, float32 or float64, all finite.
        ref_log_prob: Same shape and dtype.
        kind: "k1", "k2" or "k3".

    Returns:
        The shape and dtype of log_prob. No mean is taken. Gradients flow into log_prob
        and into ref_log_prob; they are those of the formulas.

    Raises:
        ValueError: kind is none of the three.

    Not allowed:
        Changing an argument in place.

    Source:
        Schulman 2020, "Approximating KL Divergence",
        http://joschu.net/blog/kl-approx.html
    """
    raise NotImplementedError


def bias_and_variance(logits: Tensor, ref_logits: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """The exact bias and variance of one sample's estimate, without sampling.

    The policy is softmax(logits), the reference softmax(ref_logits), both over V tokens.
    A token is drawn from the policy and its estimate computed as by kl_estimate. Both
    results are sums over the whole vocabulary:

        bias = (expected estimate) - KL(policy || reference)
        variance = expected squared distance of the estimate to its own expectation

    Args:
        logits: (..., V), float32 or float64, V >= 1. An entry of -inf is a token that
            the policy never draws: it adds 0 to every sum. At least one is finite.
        ref_logits: Same shape and dtype, all finite.
        kind: "k1", "k2" or "k3".

    Returns:
        (bias, variance), both (...,), dtype of logits. No gradient is asked for. The
        variance is never negative. It is a sum of squared distances, not a difference
        of large moments.

    Raises:
        ValueError: kind is none of the three.

    Not allowed:
        Drawing samples. Changing an argument in place.

    Source:
        As above.
    """
    raise NotImplementedError
