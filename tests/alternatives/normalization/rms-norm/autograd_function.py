"""Forward and backward by hand."""

import torch


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        xw, ww = x.to(wide), weight.to(wide)
        r = torch.rsqrt(xw.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, weight, r)
        return (xw * r * ww).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        x, weight, r = ctx.saved_tensors
        g, n = grad.to(r.dtype), x.to(r.dtype) * r
        d = g * weight
        grad_x = r * (d - n * (d * n).mean(-1, keepdim=True))
        grad_weight = (g * n).reshape(-1, weight.numel()).sum(0)
        return grad_x.to(x.dtype), grad_weight.to(weight.dtype), None


def rms_norm(x, weight, *, eps=1e-6):
    return _RMSNorm.apply(x, weight, eps)
