"""A scalar reverse-mode autograd engine."""

from __future__ import annotations

import math


class Value:
    """Each Value keeps what it was computed from, and its derivative by each."""

    def __init__(self, data: float) -> None:
        self.data = float(data)
        self.grad = 0.0
        self._sources: list[tuple[Value, float]] = []

    def __add__(self, other: Value | float) -> Value:
        other = _lift(other)
        return _result(self.data + other.data, (self, 1.0), (other, 1.0))

    def __radd__(self, other: float) -> Value:
        return self + other

    def __sub__(self, other: Value | float) -> Value:
        return self + -_lift(other)

    def __rsub__(self, other: float) -> Value:
        return _lift(other) - self

    def __neg__(self) -> Value:
        return _result(-self.data, (self, -1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = _lift(other)
        return _result(self.data * other.data, (self, other.data), (other, self.data))

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __truediv__(self, other: Value | float) -> Value:
        return self * _lift(other) ** -1

    def __rtruediv__(self, other: float) -> Value:
        return _lift(other) / self

    def __pow__(self, exponent: float) -> Value:
        slope = exponent * self.data ** (exponent - 1)
        return _result(self.data**exponent, (self, slope))

    def exp(self) -> Value:
        result = math.exp(self.data)
        return _result(result, (self, result))

    def log(self) -> Value:
        return _result(math.log(self.data), (self, 1 / self.data))

    def tanh(self) -> Value:
        result = math.tanh(self.data)
        return _result(result, (self, 1 - result**2))

    def relu(self) -> Value:
        return _result(max(self.data, 0.0), (self, float(self.data > 0)))

    def backward(self) -> None:
        """Sort what self depends on, sources first; then go through it from the end."""
        order: list[Value] = []
        seen: set[Value] = set()
        stack = [(self, False)]
        while stack:
            value, sources_done = stack.pop()
            if sources_done:
                order.append(value)
            elif value not in seen:
                seen.add(value)
                stack.append((value, True))
                stack.extend((source, False) for source, _ in value._sources)

        # of this pass alone: grad may hold those of earlier ones
        gradients = dict.fromkeys(order, 0.0)
        gradients[self] = 1.0
        for value in reversed(order):
            value.grad += gradients[value]
            for source, slope in value._sources:
                gradients[source] += gradients[value] * slope


def _lift(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Value(number)


def _result(data: float, *sources: tuple[Value, float]) -> Value:
    value = Value(data)
    value._sources = list(sources)
    return value
