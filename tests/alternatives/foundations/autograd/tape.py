"""Each result carries its whole tape: operations by name, slopes worked out in backward."""

import math

SLOPES = {
    "add": lambda a, b, y: (1.0, 1.0),
    "mul": lambda a, b, y: (b, a),
    "div": lambda a, b, y: (1 / b, -a / b / b),
    "pow": lambda a, b, y: (b * a ** (b - 1), None),
    "exp": lambda a, b, y: (y, None),
    "log": lambda a, b, y: (1 / a, None),
    "tanh": lambda a, b, y: (1 - y * y, None),
    "relu": lambda a, b, y: (1.0 if y else 0.0, None),
}


class Value:
    def __init__(self, data):
        self.data = data * 1.0
        self.grad = 0.0
        self.op = self.left = self.right = None

    def _apply(self, op, y, right=0.0):
        out = Value(y)
        out.op, out.left, out.right = op, self, right
        # as it is now: the caller may set data later
        out.held = self.data, right.data if isinstance(right, Value) else right
        return out

    def __add__(self, other):
        return self._apply("add", self.data + getattr(other, "data", other), other)

    def __mul__(self, other):
        return self._apply("mul", self.data * getattr(other, "data", other), other)

    def __truediv__(self, other):
        return self._apply("div", self.data / getattr(other, "data", other), other)

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return -1 * self

    def __sub__(self, other):
        return self + -1 * other

    def __rsub__(self, other):
        return -1 * self + other

    def __rtruediv__(self, other):
        return Value(other) / self

    def __pow__(self, exponent):
        return self._apply("pow", self.data**exponent, exponent)

    def exp(self):
        return self._apply("exp", math.e**self.data)

    def log(self):
        return self._apply("log", math.log(self.data))

    def tanh(self):
        small = math.exp(-2 * abs(self.data))
        return self._apply("tanh", math.copysign((1 - small) / (1 + small), self.data))

    def relu(self):
        return self._apply("relu", (abs(self.data) + self.data) / 2)

    def _sources(self):
        return [v for v in (self.left, self.right) if isinstance(v, Value)]

    def backward(self):
        tape, begun = [], set()
        path = [(self, iter(self._sources()))]
        begun.add(self)
        while path:
            node, rest = path[-1]
            for source in rest:
                if source not in begun:
                    begun.add(source)
                    path.append((source, iter(source._sources())))
                    break
            else:
                tape.append(node)
                path.pop()
        flow = {self: 1.0}
        while tape:
            node = tape.pop()
            g = flow.pop(node)
            node.grad += g
            if node.op:
                slopes = SLOPES[node.op](*node.held, node.data)
                for source, slope in zip((node.left, node.right), slopes, strict=True):
                    if isinstance(source, Value):
                        flow[source] = flow.get(source, 0.0) + g * slope
