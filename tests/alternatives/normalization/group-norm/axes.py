"""Groups and channels as two axes, the affine map with the channels last."""

import torch


def group_norm(x, num_groups, weight, bias, *, eps=1e-5):
    N, C, *positions = x.shape
    if C % num_groups != 0:
        raise ValueError((C, num_groups))
    v = x.double().reshape(N, num_groups, C // num_groups, *positions)
    axes = list(range(2, v.ndim))
    mean = v.mean(axes, keepdim=True)
    power = torch.mean((v - mean).pow(2), axes, keepdim=True)
    v = ((v - mean) / (power + eps) ** 0.5).reshape(x.shape)
    # a view: the result is not contiguous
    return (v.movedim(1, -1) * weight + bias).to(x.dtype).movedim(-1, 1)
