"""A scalar reverse-mode autograd engine."""

from __future__ import annotations

import math


class Value:
    """A number that remembers what it was computed from.

    In a + b, a - b, a * b and a / b one side may be an int or a float, a constant. In
    a ** b the exponent is one.

    Attributes:
        data: The number, as given or computed. The caller may set it after a backward():
            what is computed from then on uses it. Results from before are then of no use,
            and backward() is not called on them again.
        grad: A float, 0.0 at first. backward() adds to it; the caller may set it, such as
            back to 0.0.

    Returns:
        Every operator and method but backward(): a new Value. Operands stay as they are.

    Not allowed:
        torch: plain Python numbers are enough.
        Changing an operand: a += b makes a new Value, as a = a + b does.

    Source:
        Baydin et al. 2015, "Automatic differentiation in machine learning: a survey",
        section 3.2, https://arxiv.org/abs/1502.05767
    """

    def __init__(self, data: float) -> None:
        """Make a leaf: an input or a weight, computed from nothing."""
        raise NotImplementedError

    def __add__(self, other: Value | float) -> Value:
        raise NotImplementedError

    def __radd__(self, other: float) -> Value:
        raise NotImplementedError

    def __sub__(self, other: Value | float) -> Value:
        raise NotImplementedError

    def __rsub__(self, other: float) -> Value:
        raise NotImplementedError

    def __neg__(self) -> Value:
        raise NotImplementedError

    def __mul__(self, other: Value | float) -> Value:
        raise NotImplementedError

    def __rmul__(self, other: float) -> Value:
        raise NotImplementedError

    def __truediv__(self, other: Value | float) -> Value:
        raise NotImplementedError

    def __rtruediv__(self, other: float) -> Value:
        raise NotImplementedError

    def __pow__(self, exponent: float) -> Value:
        """Raise to a constant. data is not 0 where exponent is below 1."""
        raise NotImplementedError

    def exp(self) -> Value:
        raise NotImplementedError

    def log(self) -> Value:
        """Take the natural logarithm. data is above 0."""
        raise NotImplementedError

    def tanh(self) -> Value:
        """Take tanh of any finite number, however large."""
        raise NotImplementedError

    def relu(self) -> Value:
        """Take max(data, 0); the derivative at 0 is 0."""
        raise NotImplementedError

    def backward(self) -> None:
        """Add to grad, of each Value that this one was computed from, its derivative.

        That is d self / d value, over all ways by which self depends on it, for leaves and
        for what lies between; self.grad grows by 1. Nothing else changes. What grad holds
        already has no influence on what is added, so a second call adds the same amounts
        again, and calls on two results that share a part add up as for their sum.

        Each Value is gone through once: a graph of n operations takes time in proportion
        to n, however many paths it has. A chain of 10,000 operations must not meet
        Python's recursion limit, which stays as it is.
        """
        raise NotImplementedError
