"""Each pair as a complex number of length 1, its imaginary part first."""

import torch


def sinusoidal_positions(positions, d_model, *, base=10000.0, dtype=torch.float32):
    pairs, odd = divmod(d_model, 2)
    if odd:
        raise ValueError(d_model)
    frequency = torch.tensor(
        [base ** (-i / pairs) for i in range(pairs)], dtype=torch.float64, device=positions.device
    )
    angle = torch.einsum("...,i->...i", positions.double(), frequency)
    turned = torch.view_as_real(torch.polar(torch.ones_like(angle), angle))
    return turned.flip(-1).reshape(*positions.shape, d_model).to(dtype)
