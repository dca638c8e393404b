"""complex_rope: the oracle of rotary positions, against rotations by hand and by transformers."""

import math

import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from grader.testing import complex_rope


def test_position_1_turns_the_first_pair_by_one_radian():
    x = torch.tensor([[1.0, 0.0, 0.0, 0.0]], dtype=torch.float64)

    halves = complex_rope(x, torch.tensor([1]))
    neighbours = complex_rope(x, torch.tensor([1]), neighbours=True)

    cos, sin = math.cos(1), math.sin(1)
    torch.testing.assert_close(halves, x.new_tensor([[cos, 0.0, sin, 0.0]]))
    torch.testing.assert_close(neighbours, x.new_tensor([[cos, sin, 0.0, 0.0]]))


@pytest.mark.parametrize("theta", [10000.0, 50.0])
def test_halves_are_as_in_llama(theta: float):
    x, positions = torch.randn(2, 3, 5, 8, dtype=torch.float64), torch.tensor([0, 1, 7, 300, 2])
    angle = positions.outer(theta ** -(torch.arange(0, 8, 2, dtype=torch.float64) / 8))
    angle = torch.cat([angle, angle], dim=-1)[None]

    expected, _ = apply_rotary_pos_emb(x, x, angle.cos(), angle.sin())

    torch.testing.assert_close(complex_rope(x, positions, theta), expected)


def test_neighbours_are_halves_in_another_order():
    x, positions = torch.randn(2, 5, 3, 6, dtype=torch.float64), torch.arange(5)[:, None]
    halves = complex_rope(torch.cat([x[..., 0::2], x[..., 1::2]], dim=-1), positions)

    expected = torch.stack(halves.chunk(2, dim=-1), dim=-1).flatten(-2)

    torch.testing.assert_close(complex_rope(x, positions, neighbours=True), expected)


def test_frequencies_and_length_are_taken_as_they_are():
    x = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    frequencies = torch.tensor([0.5], dtype=torch.float64)

    turned = complex_rope(x, torch.tensor([1.5]), frequencies=frequencies, length=2.0)

    torch.testing.assert_close(turned, 2 * x.new_tensor([[math.cos(0.75), math.sin(0.75)]]))
