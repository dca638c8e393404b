"""Powers of complex numbers in numpy, the rotation between neighbours, and numbers by hand."""

import numpy
import pytest
import torch


@pytest.mark.parametrize("base", [10000.0, 7.0])
@pytest.mark.parametrize("d_model", [2, 10, 64])
@pytest.mark.parametrize("shape", [(6,), (2, 5)], ids=str)
def test_agrees_with_numpy(solution, base, d_model, shape):
    torch.manual_seed(0)
    positions = torch.randint(0, 900, shape)
    # turn by turn: the vector of p is the p-th power of one complex number for each pair
    pair = numpy.exp(1j * base ** (-2 * numpy.arange(d_model // 2) / d_model))
    powers = pair ** positions.numpy()[..., None]
    expected = numpy.stack([powers.imag, powers.real], axis=-1).reshape(*shape, d_model)

    result = solution.sinusoidal_positions(positions, d_model, base=base, dtype=torch.float64)

    numpy.testing.assert_allclose(result.numpy(), expected, atol=1e-9)


def test_neighbours_are_one_rotation_apart(solution):
    vectors = solution.sinusoidal_positions(torch.arange(50), 8, dtype=torch.float64)
    step = solution.sinusoidal_positions(torch.tensor(1), 8, dtype=torch.float64)
    sine, cosine = step[0::2], step[1::2]
    turned = torch.stack(
        [
            vectors[:, 0::2] * cosine + vectors[:, 1::2] * sine,
            vectors[:, 1::2] * cosine - vectors[:, 0::2] * sine,
        ],
        dim=-1,
    ).flatten(-2)

    torch.testing.assert_close(turned[:-1], vectors[1:])


def test_by_hand(solution):
    result = solution.sinusoidal_positions(torch.tensor([1]), 2)

    torch.testing.assert_close(result, torch.tensor([[0.841471, 0.540302]]), rtol=0, atol=1e-6)
