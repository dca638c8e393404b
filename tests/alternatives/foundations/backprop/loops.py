"""One row at a time, by outer products."""

import torch


def mlp_gradients(x, w1, b1, w2, b2, targets):
    named = {"x": x, "w1": w1, "b1": b1, "w2": w2, "b2": b2}
    grads = {name: torch.zeros_like(value) for name, value in named.items()}
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    n = len(x)
    for i, target in enumerate(targets.tolist()):
        a = b1 + torch.mv(w1.t(), x[i])
        h = torch.where(a > 0, a, torch.zeros_like(a))
        z = b2 + torch.mv(w2.t(), h)
        z = z - z.max()
        e = z.exp()
        total = total + (e.sum().log() - z[target]) / n

        dz = e / e.sum() / n
        dz[target] = dz[target] - 1 / n
        grads["b2"] += dz
        grads["w2"] += torch.outer(h, dz)
        da = torch.mv(w2, dz)
        da[a <= 0] = 0
        grads["b1"] += da
        grads["w1"] += torch.outer(x[i], da)
        grads["x"][i] = torch.mv(w1, da)
    return total, grads
