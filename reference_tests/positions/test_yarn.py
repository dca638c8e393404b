"""Frequencies are compared with hand-worked ends of the ramp, pair by pair."""

import math

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

LOOSE = {"rtol": 2e-5, "atol": 1e-12, "why": "frequencies are good to a relative 1e-5"}
# frequencies and products each round at 6e-8, at angles of up to 100 radians
FLOAT32_ANGLES = {"rtol": 2e-4, "atol": 2e-4, "why": "angles may be computed in float32"}
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def blended(D, theta, factor, low, high):
    """The frequencies for a ramp whose ends were worked out by hand."""
    result = []
    for i in range(D // 2):
        ramp = min(max((i - low) / (high - low), 0.0), 1.0)
        f = theta ** (-2 * i / D)
        result.append(f * (1 - ramp) + f / factor * ramp)
    return torch.tensor(result, dtype=torch.float64)


def make_x(B=2, H=3, T=5, D=16, dtype=torch.float64):
    # as heads are split off in practice: a view that is not contiguous
    return torch.randn(B, T, H, D, dtype=dtype).transpose(1, 2)


# index(4) = 0.81 and index(1) = 2.02: a ramp from 0 to 3
SMALL = {"factor": 8.0, "original_length": 64, "beta_fast": 4.0}
SMALL_FREQUENCIES = blended(16, 10000.0, 8.0, 0, 3)
SMALL_M = 0.1 * math.log(8) + 1


def test_llama_2_stretched_16_times(attempt):
    # index(32) = 20.9 and index(1) = 45.03
    expected = blended(128, 10000.0, 16.0, 20, 46)

    frequencies, _ = attempt.yarn_frequencies(128, factor=16.0, original_length=4096)

    assert_close(frequencies, expected, **LOOSE, label="frequencies")


@pytest.mark.parametrize(
    "factor, m",
    [
        pytest.param(16.0, 1.2772588722239782, id="16"),
        pytest.param(2.0, 1.0693147180559945, id="2"),
    ],
)
def test_the_attention_factor(attempt, factor, m):
    _, got = attempt.yarn_frequencies(64, factor=factor, original_length=2048)

    assert_close(got, m, label="the attention factor")


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_a_factor_of_at_most_1_makes_attention_no_sharper(attempt, factor):
    # index: 8.06 and 20.1
    expected = blended(64, 10000.0, factor, 8, 21)

    frequencies, m = attempt.yarn_frequencies(64, factor=factor, original_length=2048)

    assert_close(m, 1.0, label="the attention factor")
    assert_close(frequencies, expected, **LOOSE, label="frequencies")


@pytest.mark.parametrize(
    "D, theta, length, low, high",
    [
        # index: 23.6 and 39.7
        pytest.param(128, 1e6, 32768, 23, 40, id="qwen"),
        # 8.06 and 20.1
        pytest.param(64, 1e4, 2048, 8, 21, id="close-to-whole"),
        # 0.81 and 3.82
        pytest.param(8, 100.0, 512, 0, 4, id="four-pairs"),
        # 15.5 and 33.4, where pairs end at 31
        pytest.param(64, 500.0, 4096, 15, 34, id="beyond-the-last-pair"),
    ],
)
def test_the_ends_of_the_ramp_are_rounded_outwards(attempt, D, theta, length, low, high):
    expected = blended(D, theta, 4.0, low, high)

    frequencies, _ = attempt.yarn_frequencies(D, factor=4.0, original_length=length, theta=theta)

    assert_close(frequencies, expected, **LOOSE, label="frequencies")


def test_the_ramp_starts_at_0_at_least(attempt):
    # index(32) = -0.99, so -1 before it is limited; index(1) = 2.02
    expected = blended(16, 10000.0, 8.0, 0, 3)

    frequencies, _ = attempt.yarn_frequencies(16, factor=8.0, original_length=64)

    assert_close(frequencies, expected, **LOOSE, label="frequencies")


def test_the_ramp_ends_at_D_minus_1_at_most(attempt):
    # index(300) = 1.35; index(1) = 11.3, so 12 before it is limited
    expected = blended(8, 10.0, 5.0, 1, 7)

    frequencies, _ = attempt.yarn_frequencies(
        8, factor=5.0, original_length=4096, theta=10.0, beta_fast=300.0
    )

    assert_close(frequencies, expected, **LOOSE, label="frequencies")


@pytest.mark.parametrize(
    "D, length, beta_fast, beta_slow, low, high",
    [
        # index: 0.81 and 2.02
        pytest.param(16, 64, 4.0, 1.0, 0, 3, id="fast"),
        # 1.41 and 2.62
        pytest.param(16, 256, 8.0, 2.0, 1, 3, id="both"),
        # 4.03 and 10.05
        pytest.param(32, 1024, 16.0, 0.5, 4, 11, id="slow"),
    ],
)
def test_the_betas_say_where_the_ramp_lies(attempt, D, length, beta_fast, beta_slow, low, high):
    expected = blended(D, 10000.0, 6.0, low, high)

    frequencies, _ = attempt.yarn_frequencies(
        D, factor=6.0, original_length=length, beta_fast=beta_fast, beta_slow=beta_slow
    )

    assert_close(frequencies, expected, **LOOSE, label="frequencies")


def test_rotates_by_the_frequencies(attempt):
    x, positions = make_x(), torch.tensor([4, 0, 9, 2, 100])
    expected = complex_rope(x, positions, frequencies=SMALL_FREQUENCIES, length=SMALL_M)

    assert_close(attempt.apply_yarn(x, positions, **SMALL), expected, **FLOAT32_ANGLES)


@pytest.mark.parametrize(
    "D, theta, length, betas, low, high",
    [
        # index: 4.24 and 8.64
        pytest.param(16, 50.0, 300, {"beta_fast": 6.0, "beta_slow": 0.7}, 4, 9, id="both-betas"),
        # 10.06, and 8.6 for 33 turns, 11.5 for 31; 170 is limited
        pytest.param(64, 2.0, 250, {}, 10, 63, id="default-betas"),
    ],
)
def test_rotates_with_theta_and_the_betas(attempt, D, theta, length, betas, low, high):
    expected_frequencies = blended(D, theta, 3.0, low, high)
    x, positions = make_x(D=D), torch.tensor([1, 5, 20, 33, 90])
    expected = complex_rope(
        x, positions, frequencies=expected_frequencies, length=0.1 * math.log(3) + 1
    )

    result = attempt.apply_yarn(
        x, positions, factor=3.0, original_length=length, theta=theta, **betas
    )

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_queries_and_keys_are_scaled_by_m(attempt):
    x, positions = make_x(), torch.tensor([4, 0, 9, 2, 50])
    expected = x.norm(dim=-1) * SMALL_M

    lengths = attempt.apply_yarn(x, positions, **SMALL).norm(dim=-1)

    assert_close(lengths, expected, **FLOAT32_ANGLES, label="lengths")


def test_position_zero_only_scales(attempt):
    x = make_x()
    expected = x * SMALL_M

    result = attempt.apply_yarn(x, torch.zeros(5, dtype=torch.int64), **SMALL)

    assert_close(result, expected, **FLOAT32_ANGLES)


def test_scores_depend_on_the_distance_only(attempt):
    q, k = make_x(T=1), make_x(T=1)

    def score(m, n):
        turned = [attempt.apply_yarn(x, torch.tensor([p]), **SMALL) for x, p in ((q, m), (k, n))]
        return (turned[0] * turned[1]).sum(dim=-1)

    turned = complex_rope(k, torch.tensor([4]), frequencies=SMALL_FREQUENCIES, length=SMALL_M**2)
    plain = (q * turned).sum(dim=-1)

    assert_relative_shift(
        score,
        3,
        7,
        shifts=(1, 16),
        expected=plain,
        rtol=1e-3,
        atol=1e-3,
        why="angles may be computed in float32",
    )


def test_gradients_match_complex_multiplication(attempt):
    def expected(x, positions):
        return complex_rope(x, positions, frequencies=SMALL_FREQUENCIES, length=SMALL_M)

    def actual(x, positions):
        return attempt.apply_yarn(x, positions, **SMALL)

    assert_same_gradients(
        actual, expected, make_x(), torch.tensor([4, 0, 9, 2, 30]), **FLOAT32_ANGLES
    )


def test_returns_the_dtype_of_x(attempt):
    assert_keeps_dtype(attempt.apply_yarn, make_x(), torch.arange(5), **SMALL)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    x, positions = make_x(T=16, dtype=dtype), torch.arange(16)
    exact = complex_rope(x.double(), positions, frequencies=SMALL_FREQUENCIES, length=SMALL_M)

    # float32 angles of up to 16 radians are good to 4e-6, and m * x stays below 8
    result = attempt.apply_yarn(x, positions, **SMALL)

    assert_close(
        result.double(),
        exact,
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=5e-5,
        why="half a step between neighbouring values, and float32 angles",
    )


def test_positions_have_no_upper_bound(attempt):
    x, positions = make_x(T=1), torch.tensor([200_000])
    expected = complex_rope(x, positions, frequencies=SMALL_FREQUENCIES, length=SMALL_M)

    # float32 angles of 200,000 radians are good to about 0.02, and m * x stays below 8
    result = attempt.apply_yarn(x, positions, **SMALL)

    assert_close(result, expected, rtol=0.2, atol=0.2, why="float32 angles of 200,000 radians")


def test_bfloat16_knows_position_4001_from_4000(attempt):
    x, positions = make_x(T=2, dtype=torch.bfloat16), torch.tensor([4000, 4001])
    exact = complex_rope(x.double(), positions, frequencies=SMALL_FREQUENCIES, length=SMALL_M)

    # float32 angles of 4000 radians are good to about 1e-3
    result = attempt.apply_yarn(x, positions, **SMALL)

    assert_close(
        result, exact.bfloat16(), rtol=2e-2, atol=2e-2, why="float32 angles of 4000 radians"
    )


def test_angles_are_made_on_the_device_of_x(attempt):
    assert_follows_device(attempt.apply_yarn, make_x(), torch.arange(5), **SMALL)


@pytest.mark.parametrize(
    "D, factor",
    [
        pytest.param(7, 4.0, id="odd-D"),
        pytest.param(8, 0.0, id="factor-0"),
        pytest.param(8, -2.0, id="factor-below-0"),
    ],
)
def test_rejects_an_odd_head_dimension_or_a_factor_that_is_not_positive(attempt, D, factor):
    with pytest.raises(ValueError):
        attempt.yarn_frequencies(D, factor=factor, original_length=512)
    with pytest.raises(ValueError):
        attempt.apply_yarn(make_x(D=D), torch.arange(5), factor=factor, original_length=512)
