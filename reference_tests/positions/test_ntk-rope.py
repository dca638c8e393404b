"""Angles may be computed in float32, so float64 values are compared within that."""

import pytest
import torch

from grader.testing import (
    assert_close,
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


def base(D, s, theta=10000.0):
    return theta * s ** (D / (D - 2))


@pytest.mark.parametrize(
    "train_length, length, s",
    [
        pytest.param(16, 32, 2.0, id="twice"),
        pytest.param(16, 24, 1.5, id="half-as-long-again"),
        pytest.param(10, 75, 7.5, id="seven-and-a-half-times"),
    ],
)
@pytest.mark.parametrize(
    "B, H, T, D",
    [
        pytest.param(2, 3, 5, 8, id="heads"),
        pytest.param(2, 4, 4, 6, id="as-many-heads-as-tokens"),
        pytest.param(1, 1, 1, 4, id="two-pairs"),
    ],
)
def test_matches_complex_multiplication(attempt, train_length, length, s, B, H, T, D):
    x, positions = make_x(B, H, T, D), torch.arange(3, T + 3)
    expected = complex_rope(x, positions, base(D, s))

    result = attempt.ntk_rope(x, positions, train_length=train_length, length=length)

    assert_close(result, expected, **FLOAT32_ANGLES)


def turned(attempt, pair, position, D, **options):
    """What becomes of a unit vector in one pair."""
    x = torch.zeros(1, 1, 1, D, dtype=torch.float64)
    x[..., pair] = 1.0
    result = attempt.ntk_rope(x, torch.tensor([position]), **options)[0, 0, 0]
    return result[[pair, pair + D // 2]]


def test_the_first_pair_turns_as_before(attempt):
    expected = torch.tensor([3.0]).double()
    expected = torch.cat([expected.cos(), expected.sin()])

    result = turned(attempt, 0, 3, 8, train_length=4, length=20)

    assert_close(result, expected, **FLOAT32_ANGLES, label="the first pair")


@pytest.mark.parametrize("D", [4, 8, 64], ids="D={}".format)
def test_the_last_pair_slows_down_by_the_ratio_of_lengths(attempt, D):
    angle = torch.tensor([7 / 5 * 3.0 ** (-(D - 2) / D)], dtype=torch.float64)
    expected = torch.cat([angle.cos(), angle.sin()])

    result = turned(attempt, D // 2 - 1, 7, D, train_length=4, length=20, theta=3.0)

    assert_close(result, expected, **FLOAT32_ANGLES, label="the last pair")


@pytest.mark.parametrize("length", [1, 12, 16], ids="length={}".format)
def test_a_shorter_context_changes_nothing(attempt, length):
    x, positions = make_x(), torch.tensor([1, 2, 5, 9, 11])
    expected = complex_rope(x, positions)

    result = attempt.ntk_rope(x, positions, train_length=16, length=length)

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_a_position_means_the_same_in_every_call(attempt):
    x, positions = make_x(T=6), torch.tensor([0, 3, 6, 9, 20, 31])
    expected = complex_rope(x, positions, base(8, 4.0))

    pieces = [
        attempt.ntk_rope(x[:, :, t : t + 2], positions[t : t + 2], train_length=8, length=32)
        for t in (0, 2, 4)
    ]

    assert_close(torch.cat(pieces, dim=2), expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize(
    "positions",
    [
        pytest.param([4, 0, 9, 2, 30], id="in-any-order"),
        pytest.param([3, 3, 3, 5, 5], id="repeated"),
        pytest.param([20, 25, 30, 35, 38], id="beyond-the-length"),
    ],
)
def test_positions_may_be_any(attempt, positions):
    x, positions = make_x(), torch.tensor(positions)
    expected = complex_rope(x, positions, base(8, 2.5))

    result = attempt.ntk_rope(x, positions, train_length=6, length=15)

    assert_close(result, expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize("theta", [3.0, 500000.0])
def test_theta_sets_the_frequencies(attempt, theta):
    x, positions = make_x(), torch.tensor([5, 17, 28, 30, 1])
    expected = complex_rope(x, positions, base(8, 2.0, theta))

    result = attempt.ntk_rope(x, positions, train_length=16, length=32, theta=theta)

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_a_call_does_not_depend_on_the_calls_before(attempt):
    x, positions = make_x(), torch.arange(5)
    expected = complex_rope(x, positions + 6, base(8, 4.0, 100.0))
    attempt.ntk_rope(x, positions, train_length=16, length=32)
    attempt.ntk_rope(x, positions, train_length=16, length=16, theta=100.0)

    result = attempt.ntk_rope(x, positions + 6, train_length=16, length=64, theta=100.0)

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_scores_depend_on_the_distance_only(attempt):
    q, k = make_x(T=1), make_x(T=1)

    def score(m, n):
        turned = [
            attempt.ntk_rope(x, torch.tensor([p]), train_length=8, length=20)
            for x, p in ((q, m), (k, n))
        ]
        return (turned[0] * turned[1]).sum(dim=-1)

    plain = (q * complex_rope(k, torch.tensor([4]), base(8, 2.5))).sum(dim=-1)

    assert_relative_shift(score, 3, 7, shifts=(1, 16), expected=plain, **FLOAT32_ANGLES)


def test_gradients_match_complex_multiplication(attempt):
    x, positions = make_x(), torch.tensor([4, 0, 9, 2, 30])

    assert_same_gradients(
        lambda x: attempt.ntk_rope(x, positions, train_length=8, length=20, theta=50.0),
        lambda x: complex_rope(x, positions, base(8, 2.5, 50.0)),
        x,
        names=("x",),
        **FLOAT32_ANGLES,
    )


def test_returns_the_dtype_of_x(attempt):
    assert_keeps_dtype(attempt.ntk_rope, make_x(), torch.arange(5), train_length=4, length=8)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    x, positions = make_x(T=16, D=32, dtype=dtype), torch.arange(16)
    exact = complex_rope(x.double(), positions, base(32, 2.0))

    # float32 angles of up to 16 radians are good to 4e-6, and x stays below 6
    result = attempt.ntk_rope(x, positions, train_length=8, length=16)

    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=5e-5,
        why="half a step between neighbouring values, and float32 angles",
    )


def test_positions_have_no_upper_bound(attempt):
    x, positions = make_x(T=1), torch.tensor([200_000])
    expected = complex_rope(x, positions, base(8, 2.0))

    # float32 angles of 200,000 radians are good to about 0.02, and x stays below 6
    result = attempt.ntk_rope(x, positions, train_length=16, length=32)

    assert_close(result, expected, rtol=0.2, atol=0.2, why="float32 angles of 200,000 radians")


def test_bfloat16_knows_position_4001_from_4000(attempt):
    x, positions = make_x(T=2, D=16, dtype=torch.bfloat16), torch.tensor([4000, 4001])
    exact = complex_rope(x.double(), positions, base(16, 2.0))

    # float32 angles of 4000 radians are good to about 1e-3
    result = attempt.ntk_rope(x, positions, train_length=4096, length=8192)

    assert_close(
        result, exact.bfloat16(), rtol=2e-2, atol=2e-2, why="float32 angles of 4000 radians"
    )


def test_angles_are_made_on_the_device_of_x(attempt):
    assert_follows_device(attempt.ntk_rope, make_x(), torch.arange(5), train_length=4, length=8)


@pytest.mark.parametrize("length", [8, 2], ids="length={}".format)
@pytest.mark.parametrize("D", [1, 2, 7], ids="D={}".format)
def test_rejects_a_head_dimension_that_is_odd_or_below_4(attempt, D, length):
    with pytest.raises(ValueError):
        attempt.ntk_rope(make_x(D=D), torch.arange(5), train_length=4, length=length)
