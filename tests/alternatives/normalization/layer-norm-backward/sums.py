"""The form with sums and 1/D outside, in float64 whatever comes in; results are views."""

import torch


def _stats(v, eps):
    centre = v.mean(-1, True)
    rstd = torch.pow((v - centre).pow(2).mean(-1, True) + eps, -0.5)
    return centre, rstd


def layer_norm_backward(grad_out, x, weight, *, eps=1e-5):
    D = x.size(-1)
    go, v = grad_out.double(), x.double()
    centre, rstd = _stats(v, eps)
    xhat = (v - centre) * rstd
    dxhat = go * weight.double()
    dx = D * dxhat - dxhat.sum(-1, True) - xhat * (dxhat * xhat).sum(-1, True)
    dx = dx * rstd / D

    lead = tuple(range(x.dim() - 1))
    # sum over no axes would be a sum over all
    dw = (go * xhat).sum(lead) if lead else go * xhat
    db = go.sum(lead) if lead else go
    return [dx.type_as(x), dw.type_as(weight), db.type_as(weight)]
