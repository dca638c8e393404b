"""A closure for each operation hands the gradient on; Kahn's algorithm gives the order."""

import math


class Value:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.pull = lambda g: ()

    @staticmethod
    def wrap(x):
        return x if isinstance(x, Value) else Value(x)

    def __add__(self, other):
        other = Value.wrap(other)
        out = Value(self.data + other.data, (self, other))
        out.pull = lambda g: (g, g)
        return out

    def __mul__(self, other):
        other = Value.wrap(other)
        a, b = self.data, other.data
        out = Value(a * b, (self, other))
        out.pull = lambda g: (g * b, g * a)
        return out

    def __pow__(self, exponent):
        x = self.data
        out = Value(x**exponent, (self,))
        out.pull = lambda g: (g * exponent * x ** (exponent - 1),)
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,))
        out.pull = lambda g: (g * out.data,)
        return out

    def log(self):
        x = self.data
        out = Value(math.log(x), (self,))
        out.pull = lambda g: (g / x,)
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,))
        out.pull = lambda g: (g * (1 - t) * (1 + t),)
        return out

    def relu(self):
        on = self.data > 0
        out = Value(self.data if on else 0.0, (self,))
        out.pull = lambda g: (g if on else 0.0,)
        return out

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-Value.wrap(other))

    def __rsub__(self, other):
        return (-self) + other

    def __truediv__(self, other):
        return self * Value.wrap(other) ** -1

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self):
        uses, todo, found = {id(self): 0}, [self], {id(self)}
        while todo:
            for parent in todo.pop().parents:
                uses[id(parent)] = uses.get(id(parent), 0) + 1
                if id(parent) not in found:
                    found.add(id(parent))
                    todo.append(parent)
        amount, ready = {id(self): 1.0}, [self]
        while ready:
            node = ready.pop()
            g = amount[id(node)]
            node.grad += g
            for parent, share in zip(node.parents, node.pull(g), strict=False):
                amount[id(parent)] = amount.get(id(parent), 0.0) + share
                uses[id(parent)] -= 1
                if not uses[id(parent)]:
                    ready.append(parent)
