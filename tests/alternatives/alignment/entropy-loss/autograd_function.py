"""The gradient by hand: -p * (log p + H)."""

import torch


class _Entropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits):
        log_p = torch.log_softmax(logits, dim=-1)
        p = torch.exp(log_p)
        surprise = torch.where(p > 0, -log_p, torch.zeros_like(log_p))
        H = torch.einsum("nv,nv->n", p, surprise)
        ctx.save_for_backward(p, surprise, H)
        return H

    @staticmethod
    def backward(ctx, grad):
        p, surprise, H = ctx.saved_tensors
        return grad[:, None] * p * (surprise - H[:, None])


def compute_entropy_loss(logits, response_mask):
    B, T, V = logits.shape
    if logits.dtype in (torch.bfloat16, torch.float16):
        logits = logits.float()
    safe = torch.where(response_mask[:, :, None], logits, torch.zeros_like(logits))
    H = _Entropy.apply(safe.reshape(B * T, V))
    weight = response_mask.reshape(-1).to(H.dtype)
    return (H * weight).sum() / weight.sum().clamp(min=1)
