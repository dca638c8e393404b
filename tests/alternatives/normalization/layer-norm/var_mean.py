"""torch.var_mean, in float64 whatever comes in; the result is a transposed view."""

import torch


def layer_norm(x, weight, bias, *, eps=1e-5):
    if not x.numel():
        # var_mean warns of vectors that are not there
        return x.clone()
    v = x.double().movedim(-1, 0)
    var, mean = torch.var_mean(v, dim=0, correction=0)
    y = (v - mean) / torch.sqrt(var + eps)
    y = y.movedim(0, -1).mul(weight.double()).add(bias.double())
    return y.movedim(-1, 0).contiguous().movedim(0, -1).type_as(x)
