"""Angles may be computed in float32, so float64 values are compared within that."""

import math

import pytest
import torch

from grader.testing import (
    assert_close,
    assert_equal,
    assert_follows_device,
    assert_keeps_dtype,
    assert_relative_shift,
    assert_same_gradients,
    complex_rope,
)

# frequencies and products each round at 6e-8, at angles of up to 40 radians
FLOAT32_ANGLES = {"rtol": 1e-4, "atol": 1e-4, "why": "angles may be computed in float32"}
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def make_x(B=2, H=3, T=5, D=8, dtype=torch.float64):
    # as heads are split off in practice: a view that is not contiguous
    return torch.randn(B, T, H, D, dtype=dtype).transpose(1, 2)


def test_position_1_turns_a_unit_vector_by_one_radian(attempt):
    x = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    expected = torch.tensor([[[[math.cos(1), math.sin(1)], [-math.sin(1), math.cos(1)]]]])

    assert_close(attempt.apply_rope(x, torch.tensor([1, 1])), expected)


def test_channel_i_is_paired_with_channel_i_plus_half_of_D(attempt):
    x = torch.eye(6)[None, None]  # token t holds 1 in channel t

    result = attempt.apply_rope(x, torch.full((6,), 3), theta=2.0)

    pairs = [(row.abs() > 1e-3).nonzero().flatten().tolist() for row in result[0, 0]]
    assert_equal(pairs, [[0, 3], [1, 4], [2, 5], [0, 3], [1, 4], [2, 5]], label="pairs")


@pytest.mark.parametrize(
    "B, H, T, D",
    [
        pytest.param(2, 3, 5, 8, id="heads"),
        pytest.param(2, 4, 4, 6, id="as-many-heads-as-tokens"),
        pytest.param(1, 1, 1, 2, id="one-pair"),
        pytest.param(3, 2, 17, 10, id="odd-length"),
    ],
)
def test_matches_complex_multiplication(attempt, B, H, T, D):
    x, positions = make_x(B, H, T, D), torch.arange(1, T + 1)
    expected = complex_rope(x, positions)

    assert_close(attempt.apply_rope(x, positions), expected, **FLOAT32_ANGLES)


def test_position_zero_leaves_x_as_it_is(attempt):
    x = make_x()

    result = attempt.apply_rope(x, torch.zeros(5, dtype=torch.int64))

    assert_close(result, x, **FLOAT32_ANGLES)


@pytest.mark.parametrize(
    "positions",
    [
        pytest.param([7, 8, 9, 10, 11], id="after-a-cache"),
        pytest.param([4, 0, 9, 2, 30], id="in-any-order"),
        pytest.param([3, 3, 3, 5, 5], id="repeated"),
    ],
)
def test_positions_need_not_start_at_zero(attempt, positions):
    x, positions = make_x(), torch.tensor(positions)
    expected = complex_rope(x, positions)

    assert_close(attempt.apply_rope(x, positions), expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("theta", [3.0, 500000.0])
def test_theta_sets_the_frequencies(attempt, theta):
    x, positions = make_x(), torch.tensor([5, 17, 28, 30, 1])
    expected = complex_rope(x, positions, theta)

    assert_close(attempt.apply_rope(x, positions, theta=theta), expected, **FLOAT32_ANGLES)


def test_a_call_does_not_depend_on_the_calls_before(attempt):
    x, positions = make_x(), torch.arange(5)
    expected = complex_rope(x, positions + 6, 100.0)
    attempt.apply_rope(x, positions)
    attempt.apply_rope(x, positions, theta=100.0)

    result = attempt.apply_rope(x, positions + 6, theta=100.0)

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_scores_depend_on_the_distance_only(attempt):
    q, k = make_x(T=1), make_x(T=1)

    def score(m, n):
        turned = [attempt.apply_rope(x, torch.tensor([p])) for x, p in ((q, m), (k, n))]
        return (turned[0] * turned[1]).sum(dim=-1)

    plain = (q * complex_rope(k, torch.tensor([4]))).sum(dim=-1)

    assert_relative_shift(score, 3, 7, shifts=(1, 16), expected=plain, **FLOAT32_ANGLES)


def test_gradients_match_complex_multiplication(attempt):
    x, positions = make_x(), torch.tensor([4, 0, 9, 2, 30])

    assert_same_gradients(
        attempt.apply_rope,
        complex_rope,
        *(x, positions),
        names=("x", "positions"),
        theta=50.0,
        **FLOAT32_ANGLES,
    )


def test_returns_the_dtype_of_x(attempt):
    assert_keeps_dtype(attempt.apply_rope, make_x(), torch.arange(5))


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    x, positions = make_x(T=16, D=32, dtype=dtype), torch.arange(16)
    exact = complex_rope(x.double(), positions)

    # float32 angles of up to 16 radians are good to 4e-6, and x stays below 6
    result = attempt.apply_rope(x, positions)

    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=5e-5,
        why="half a step between neighbouring values, and float32 angles",
    )


def test_positions_have_no_upper_bound(attempt):
    x, positions = make_x(T=1), torch.tensor([200_000])
    expected = complex_rope(x, positions)

    # float32 angles of 200,000 radians are good to about 0.02, and x stays below 6
    result = attempt.apply_rope(x, positions)

    assert_close(result, expected, rtol=0.2, atol=0.2, why="float32 angles of 200,000 radians")


def test_bfloat16_knows_position_4001_from_4000(attempt):
    x, positions = make_x(T=2, D=16, dtype=torch.bfloat16), torch.tensor([4000, 4001])
    exact = complex_rope(x.double(), positions)

    # float32 angles of 4000 radians are good to about 1e-3
    result = attempt.apply_rope(x, positions)

    assert_close(
        result, exact.bfloat16(), rtol=2e-2, atol=2e-2, why="float32 angles of 4000 radians"
    )


def test_angles_are_made_on_the_device_of_x(attempt):
    assert_follows_device(attempt.apply_rope, make_x(), torch.arange(5))


@pytest.mark.parametrize("D", [1, 7])
def test_rejects_an_odd_head_dimension(attempt, D):
    with pytest.raises(ValueError):
        attempt.apply_rope(make_x(D=D), torch.arange(5))


def bench(attempt, size, device):
    """Size is the length of a sequence: 2 of them, 8 heads of 64, in float32."""
    x = make_x(2, 8, size, 64, torch.float32).to(device)
    positions = torch.arange(size, device=device)
    return lambda: attempt.apply_rope(x, positions)


bench.sizes = (64, 512, 4096)
