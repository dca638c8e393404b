"""Small layers with a forward and a backward each."""

import torch


class _Linear:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, a):
        self.a = a
        return torch.addmm(self.b, a, self.w)

    def pull(self, g):
        # biases as the weight of an input that is always 1; a result that is not contiguous
        ones = torch.ones_like(g[:, :1])
        return (self.w @ g.T).T, (g.T @ self.a).T, (g.T @ ones).squeeze(1)


class _Relu:
    def forward(self, a):
        self.on = torch.heaviside(a, torch.zeros_like(a))
        return a * self.on

    def pull(self, g):
        return g * self.on


class _NegativeLogLikelihood:
    def forward(self, z, t):
        self.t = t.unsqueeze(1)
        self.log_p = z - z.logsumexp(1, keepdim=True)
        return -self.log_p.gather(1, self.t).sum() / len(z)

    def pull(self):
        p = self.log_p.exp()
        return p.scatter_add(1, self.t, -torch.ones_like(p)) / len(p)


def mlp_gradients(x, w1, b1, w2, b2, targets):
    first, relu, second = _Linear(w1, b1), _Relu(), _Linear(w2, b2)
    end = _NegativeLogLikelihood()
    loss = end.forward(second.forward(relu.forward(first.forward(x))), targets)
    g, dw2, db2 = second.pull(end.pull())
    g, dw1, db1 = first.pull(relu.pull(g))
    return loss, {"x": g, "w1": dw1, "b1": db1, "w2": dw2, "b2": db2}
