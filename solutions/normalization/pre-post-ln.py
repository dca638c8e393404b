"""Pre-LN and Post-LN residual blocks, and their gradient scale."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualBlocks(nn.Module):
    def __init__(self, sublayers: Sequence[nn.Module], d_model: int, *, pre_norm: bool) -> None:
        super().__init__()
        self.sublayers = nn.ModuleList(sublayers)
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in sublayers)
        self.final = nn.LayerNorm(d_model) if pre_norm else None

    def forward(self, x: Tensor) -> Tensor:
        return self._streams(x)[-1]

    def gradient_norms(self, x: Tensor, grad: Tensor) -> Tensor:
        """autograd.grad leaves .grad alone, which backward would add to."""
        *streams, result = self._streams(x.detach().requires_grad_())
        if not streams:
            return x.new_zeros(0)
        found = torch.autograd.grad((result * grad).sum(), streams)
        return torch.stack([gradient.norm() for gradient in found])

    def _streams(self, x: Tensor) -> list[Tensor]:
        """h_0 to h_(L-1), and the result."""
        streams = [x]
        for sublayer, norm in zip(self.sublayers, self.norms, strict=True):
            h = streams[-1]
            streams.append(norm(h + sublayer(h)) if self.final is None else h + sublayer(norm(h)))
        if self.final is not None:
            streams[-1] = self.final(streams[-1])
        return streams
