"""Angles may be computed in float32, so values are compared within that."""

import math

import pytest
import torch

from grader.testing import (
    assert_close,
    assert_follows_device,
    assert_relative_shift,
)

# frequencies and products each round at 6e-8, at angles of up to 60 radians
FLOAT32_ANGLES = {"rtol": 1e-4, "atol": 1e-4, "why": "angles may be computed in float32"}
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def closed_form(positions, d_model, base=10000.0):
    """Number by number, in float64."""
    rows = [
        [
            (math.cos if j % 2 else math.sin)(p * base ** (-(j - j % 2) / d_model))
            for j in range(d_model)
        ]
        for p in positions.flatten().tolist()
    ]
    return torch.tensor(rows, dtype=torch.float64).reshape(*positions.shape, d_model)


def draw(*shape):
    return torch.randint(1, 60, shape)


def test_position_0_alternates_0_and_1(attempt):
    result = attempt.sinusoidal_positions(torch.tensor([0]), 6)

    assert_close(result, torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]]))


def test_matches_a_case_worked_out_by_hand(attempt):
    # frequencies 1 and 1/10
    expected = torch.tensor([[math.sin(3), math.cos(3), math.sin(0.3), math.cos(0.3)]])

    assert_close(attempt.sinusoidal_positions(torch.tensor([3]), 4, base=100.0), expected)


@pytest.mark.parametrize(
    "shape, d_model",
    [
        pytest.param((7,), 8, id="sequence"),
        pytest.param((8,), 8, id="as-long-as-wide"),
        pytest.param((3, 5), 10, id="batch"),
        pytest.param((2, 3, 4), 6, id="three-axes"),
        pytest.param((), 4, id="one-position"),
        pytest.param((5,), 2, id="one-pair"),
    ],
)
def test_matches_the_closed_form(attempt, shape, d_model):
    positions = draw(*shape)
    expected = closed_form(positions, d_model).float()

    assert_close(attempt.sinusoidal_positions(positions, d_model), expected, **FLOAT32_ANGLES)


def test_sines_and_cosines_alternate(attempt):
    positions = draw(9)
    expected = closed_form(positions, 6).float()

    result = attempt.sinusoidal_positions(positions, 6)

    assert_close(result[:, 0::2], expected[:, 0::2], **FLOAT32_ANGLES, label="even channels")
    assert_close(result[:, 1::2], expected[:, 1::2], **FLOAT32_ANGLES, label="odd channels")


@pytest.mark.parametrize(
    "positions",
    [
        pytest.param([7, 8, 9, 10], id="after-a-cache"),
        pytest.param([4, 0, 9, 2, 30], id="in-any-order"),
        pytest.param([3, 3, 3, 5, 5], id="repeated"),
        pytest.param([[0, 0, 1, 2], [0, 1, 2, 3]], id="padded-on-the-left"),
    ],
)
def test_positions_need_not_start_at_zero(attempt, positions):
    positions = torch.tensor(positions)
    expected = closed_form(positions, 8).float()

    assert_close(attempt.sinusoidal_positions(positions, 8), expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("base", [3.0, 500000.0])
def test_base_sets_the_frequencies(attempt, base):
    positions = draw(9)
    expected = closed_form(positions, 8, base).float()

    assert_close(attempt.sinusoidal_positions(positions, 8, base=base), expected, **FLOAT32_ANGLES)


def test_a_call_does_not_depend_on_the_calls_before(attempt):
    positions = draw(5)
    expected = closed_form(positions + 6, 8, 100.0).float()
    attempt.sinusoidal_positions(positions, 8)
    attempt.sinusoidal_positions(positions, 8, base=100.0)

    result = attempt.sinusoidal_positions(positions + 6, 8, base=100.0)

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_positions_have_no_upper_bound(attempt):
    positions = torch.tensor([5_000, 100_000])
    expected = closed_form(positions, 8, 10.0**9).float()

    # one frequency of 1, and 100,000 radians times 6e-8
    assert_close(
        attempt.sinusoidal_positions(positions, 8, base=10.0**9),
        expected,
        rtol=0.05,
        atol=0.05,
        why="float32 angles of 100,000 radians",
    )


def test_products_depend_on_the_distance_only(attempt):
    def score(p, q):
        result = attempt.sinusoidal_positions(torch.tensor([p, q]), 10, dtype=torch.float64)
        return result[0] @ result[1]

    near = closed_form(torch.tensor([3, 7]), 10)

    assert_relative_shift(score, 3, 7, shifts=(1, 16), expected=near[0] @ near[1], **FLOAT32_ANGLES)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    positions = torch.randint(256, 2_000, (50,))
    exact = closed_form(positions, 16)

    # float32 angles of 2,000 radians are good to 3e-4
    result = attempt.sinusoidal_positions(positions, 16, dtype=dtype)

    assert_close(
        result,
        exact.to(dtype),
        rtol=1e-2,
        atol=1e-3,
        why="float32 angles of 2,000 radians, then one rounding",
    )


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_that_was_asked_for(attempt, dtype):
    assert attempt.sinusoidal_positions(draw(3, 4), 6, dtype=dtype).dtype == dtype


@pytest.mark.parametrize("shape", [(0,), (2, 0)], ids=["sequence", "batch"])
def test_no_positions_give_an_empty_result(attempt, shape):
    none = torch.zeros(shape, dtype=torch.int64)

    result = attempt.sinusoidal_positions(none, 6, dtype=torch.float64)

    assert_close(result, torch.zeros(*shape, 6, dtype=torch.float64))


def test_frequencies_are_made_on_the_device_of_positions(attempt):
    assert_follows_device(attempt.sinusoidal_positions, draw(5), 6)


@pytest.mark.parametrize("d_model", [1, 7], ids=["1", "7"])
def test_rejects_an_odd_width(attempt, d_model):
    with pytest.raises(ValueError):
        attempt.sinusoidal_positions(draw(5), d_model)
