"""Statistics that keep their axes, by torch.var_mean; in-place arithmetic on the averages."""

import torch


def batch_norm(x, weight, bias, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    v = x if x.dtype == torch.float64 else x.float()
    axes = [axis for axis in range(x.ndim) if axis != 1]
    shape = [1, -1] + [1] * (x.ndim - 2)
    if not training:
        mean, var = running_mean.view(shape), running_var.view(shape)
    else:
        n = x.numel() // x.shape[1]
        if n <= 1:
            raise ValueError("one value has no variance")
        var, mean = torch.var_mean(v, dim=axes, correction=0, keepdim=True)
        with torch.no_grad():
            running_mean.mul_(1 - momentum).add_(mean.flatten(), alpha=momentum)
            running_var.mul_(1 - momentum).add_(var.flatten(), alpha=momentum * n / (n - 1))
    y = (v - mean) / torch.sqrt(var + eps)
    return torch.addcmul(bias.view(shape), y, weight.view(shape)).type_as(x)
