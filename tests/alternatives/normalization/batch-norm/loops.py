"""One channel at a time."""

import torch


def _moments(values):
    mean = values.sum() / values.numel()
    return mean, ((values - mean) ** 2).sum()


def batch_norm(x, weight, bias, running_mean, running_var, *, training, momentum=0.1, eps=1e-5):
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    count = x.select(1, 0).numel()
    if training and count < 2:
        raise ValueError(f"{count} values a channel")
    channels = []
    for c in range(x.shape[1]):
        values = x.select(1, c).to(dtype)
        if training:
            mean, squares = _moments(values)
            var = squares / count
            new_mean, new_var = mean.item(), squares.item() / (count - 1)
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * new_mean
            running_var[c] = (1 - momentum) * running_var[c] + momentum * new_var
        else:
            mean, var = running_mean[c], running_var[c]
        channels.append((values - mean) / (var + eps) ** 0.5 * weight[c] + bias[c])
    return torch.stack(channels, dim=1).to(x.dtype)
