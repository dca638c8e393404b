"""The whole D by D Jacobian of each vector, times its gradient."""

import torch


def layer_norm_backward(grad_out, x, weight, *, eps=1e-5):
    wide = torch.promote_types(torch.float32, x.dtype)
    g, v, w = grad_out.to(wide), x.to(wide), weight.to(wide)
    D = v.shape[-1]
    var, mean = torch.var_mean(v, dim=-1, correction=0, keepdim=True)
    std = (var + eps).sqrt()
    n = (v - mean) / std

    eye = torch.eye(D, dtype=wide)
    # dn_i / dx_j
    jacobian = (eye - 1 / D - n[..., :, None] * n[..., None, :] / D) / std[..., None]
    grad_x = torch.einsum("...i,...ij->...j", g * w, jacobian)
    grad_w = torch.einsum("...i,...i->i", g, n)
    grad_b = torch.einsum("...i->i", g)
    return grad_x.to(x.dtype), grad_w.to(weight.dtype), grad_b.to(weight.dtype)
