"""Values are numbered as they are made; a heap takes the youngest first."""

import heapq
import itertools
import math

_count = itertools.count()


class Value:
    def __init__(self, data):
        self.data, self.grad = float(data), 0.0
        self.edges, self.number = (), -next(_count)

    def _make(self, data, *edges):
        new = Value(data)
        new.edges = edges
        return new

    def __add__(self, other):
        if isinstance(other, Value):
            return self._make(self.data + other.data, (self, 1), (other, 1))
        return self._make(self.data + other, (self, 1))

    def __radd__(self, other):
        return self._make(other + self.data, (self, 1))

    def __sub__(self, other):
        if isinstance(other, Value):
            return self._make(self.data - other.data, (self, 1), (other, -1))
        return self._make(self.data - other, (self, 1))

    def __rsub__(self, other):
        return self._make(other - self.data, (self, -1))

    def __neg__(self):
        return self._make(-self.data, (self, -1))

    def __mul__(self, other):
        if isinstance(other, Value):
            return self._make(self.data * other.data, (self, other.data), (other, self.data))
        return self._make(self.data * other, (self, other))

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        if isinstance(other, Value):
            q = self.data / other.data
            return self._make(q, (self, 1 / other.data), (other, -q / other.data))
        return self._make(self.data / other, (self, 1 / other))

    def __rtruediv__(self, other):
        return self._make(other / self.data, (self, -other / self.data**2))

    def __pow__(self, exponent):
        return self._make(
            math.pow(self.data, exponent), (self, exponent * math.pow(self.data, exponent - 1))
        )

    def exp(self):
        return self._make(math.exp(self.data), (self, math.exp(self.data)))

    def log(self):
        return self._make(math.log(self.data), (self, 1 / self.data))

    def tanh(self):
        return self._make(math.tanh(self.data), (self, 1 - math.tanh(self.data) ** 2))

    def relu(self):
        return self._make(*((self.data, (self, 1)) if self.data > 0 else (0.0, (self, 0))))

    def backward(self):
        heap, sums = [(self.number, self)], {self.number: 1.0}
        while heap:
            number, node = heapq.heappop(heap)
            g = sums[number]
            node.grad += g
            for source, slope in node.edges:
                if source.number not in sums:
                    heapq.heappush(heap, (source.number, source))
                    sums[source.number] = 0.0
                sums[source.number] += g * slope
