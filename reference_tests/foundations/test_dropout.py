"""Each test that judges chance fails a right answer less than once in a million checks."""

import pytest
import torch

from grader.testing import (
    assert_close,
    assert_distribution,
    assert_equal,
    assert_follows_device,
    assert_global_generator_kept,
    assert_same_gradients,
    assert_state_decides,
    assert_state_repeats,
    seeded,
)

HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def draw(*shape, dtype=torch.float64):
    """From 1 to 2 in size: what is 0 afterwards was dropped."""
    sign = torch.where(torch.rand(shape) < 0.5, -1.0, 1.0).double()
    return (sign * (1 + torch.rand(shape, dtype=torch.float64))).to(dtype)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9], ids="p={}".format)
def test_a_share_of_p_is_dropped(attempt, p):
    result = attempt.dropout(draw(100, 200), p)

    assert_distribution((result == 0).long(), torch.tensor([1 - p, p]), label="dropped numbers")


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9], ids="p={}".format)
@pytest.mark.parametrize("shape", [(600,), (10, 12, 5)], ids=["vector", "three-axes"])
def test_kept_numbers_are_divided_by_one_minus_p(attempt, p, shape):
    x = draw(*shape)
    scaled = x / (1 - p)

    result = attempt.dropout(x, p)

    assert result.any(), "every number was dropped"
    assert_close(result, scaled.masked_fill(result == 0, 0.0))


def test_p_is_a_half_unless_given(attempt):
    x = draw(100, 100)

    result = attempt.dropout(x)

    assert_distribution((result == 0).long(), torch.tensor([0.5, 0.5]), label="dropped numbers")
    assert_close(result, (2 * x).masked_fill(result == 0, 0.0))


@pytest.mark.parametrize("apart", [1, 200], ids=["along-a-row", "across-rows"])
def test_neighbours_are_dropped_independently(attempt, apart):
    dropped = (attempt.dropout(draw(100, 200), 0.3) == 0).long().view(-1)
    pairs = dropped.view(-1, 2, apart)
    one, other = pairs[:, 0], pairs[:, 1]

    expected = torch.tensor([0.49, 0.21, 0.21, 0.09])
    assert_distribution(2 * one + other, expected, label="pairs of neighbours")


def test_how_many_are_dropped_varies(attempt):
    x = draw(400)
    counts = {int((attempt.dropout(x, 0.5) == 0).sum()) for _ in range(12)}

    # one count is the likeliest with a chance of 0.04
    assert len(counts) > 1, "each call drops as many numbers as the last"


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0], ids="p={}".format)
def test_without_training_nothing_changes(attempt, p):
    x = draw(5, 30)
    expected = x.clone()

    assert_equal(attempt.dropout(x, p, training=False), expected)


def test_without_training_the_gradient_is_one(attempt):
    assert_same_gradients(
        lambda x: attempt.dropout(x, 0.4, training=False), torch.clone, draw(4, 5), names=("x",)
    )


def test_without_training_no_random_number_is_drawn(attempt, seed):
    x, generator = draw(5, 30), seeded(seed)
    before = generator.get_state(), torch.get_rng_state()
    attempt.dropout(x, 0.4, training=False, generator=generator)
    attempt.dropout(x, 0.4, training=False)

    assert_equal(generator.get_state(), before[0], label="the state of the generator")
    assert_equal(torch.get_rng_state(), before[1], label="the state of torch's global generator")


def test_p_of_0_keeps_every_number(attempt):
    x = draw(5, 30)
    expected = x.clone()

    assert_close(attempt.dropout(x, 0.0), expected)


def test_p_of_1_gives_zeros(attempt):
    x = draw(5, 30)

    assert_close(attempt.dropout(x, 1.0), torch.zeros_like(x))


def test_p_of_1_gives_gradients_of_zero(attempt):
    assert_same_gradients(
        lambda x: attempt.dropout(x, 1.0), lambda x: 0.0 * x, draw(4, 5), names=("x",)
    )


def test_gradients_pass_where_numbers_are_kept(attempt, seed):
    # the same state gives the same mask: what became of ones is what x is multiplied by
    factors = attempt.dropout(
        torch.ones(4, 50, dtype=torch.float64), 0.3, generator=seeded(seed)
    ).detach()

    assert_same_gradients(
        lambda x: attempt.dropout(x, 0.3, generator=seeded(seed)),
        lambda x: x * factors,
        draw(4, 50),
        names=("x",),
    )


def test_the_same_generator_state_gives_the_same_mask(attempt, seed):
    x = draw(20, 30)

    assert_state_repeats(lambda generator: attempt.dropout(x, 0.4, generator=generator), seed)


@pytest.mark.parametrize("own", [True, False], ids=["generator", "global-generator"])
def test_the_next_call_draws_another_mask(attempt, seed, own):
    x, generator = draw(20, 30), seeded(seed) if own else None
    first, second = (attempt.dropout(x, 0.5, generator=generator) for _ in range(2))

    same = int(((first == 0) == (second == 0)).sum())
    # 300 in the mean, with a standard deviation of 12
    assert same < 400, "two calls in a row drop the same numbers"


def test_the_state_of_the_generator_decides_the_mask(attempt, seed):
    x = draw(20, 30)

    def dropped(generator):
        return attempt.dropout(x, 0.5, generator=generator) == 0

    # half of them in the mean
    assert_state_decides(dropped, seed, most=2 / 3)


def test_the_global_generator_decides_without_another(attempt, seed):
    x = draw(20, 30)
    torch.manual_seed(seed)
    first = attempt.dropout(x, 0.5)

    torch.manual_seed(seed)
    assert_equal(attempt.dropout(x, 0.5), first)


def test_the_global_generator_is_left_alone(attempt, seed):
    x = draw(20, 30)

    assert_global_generator_kept(
        lambda generator: attempt.dropout(x, 0.5, generator=generator), seed
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_a_small_p_is_exact_in_half_precision(attempt, dtype):
    result = attempt.dropout(torch.ones(120_000, dtype=dtype), 0.001)

    assert_distribution((result == 0).long(), torch.tensor([0.999, 0.001]), label="dropped numbers")


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_rounded_once(attempt, dtype):
    x = draw(20, 50, dtype=dtype)
    scaled = x.double() / 0.7

    result = attempt.dropout(x, 0.3)

    assert result.dtype == dtype
    assert result.any(), "every number was dropped"
    assert_close(
        result.double(),
        scaled.masked_fill(result == 0, 0.0),
        rtol={torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype] * 1.01,
        atol=0.0,
        why="half a step between neighbouring values",
    )


def test_float64_is_computed_in_float64(attempt):
    x = draw(20, 50)
    scaled = x / 0.7

    result = attempt.dropout(x, 0.3)

    assert result.any(), "every number was dropped"
    assert_close(
        result,
        scaled.masked_fill(result == 0, 0.0),
        rtol=1e-12,
        atol=0.0,
        why="float64 has 16 digits",
    )


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_x(attempt, dtype, training):
    assert attempt.dropout(draw(3, 4, dtype=dtype), 0.3, training=training).dtype == dtype


@pytest.mark.parametrize("shape", [(), (0, 4)], ids=["scalar", "empty"])
def test_a_scalar_and_an_empty_tensor_keep_their_shape(attempt, shape):
    assert tuple(attempt.dropout(draw(*shape), 0.3).shape) == shape


def test_accepts_transposed_numbers(attempt):
    x = draw(20, 30).t()
    scaled = x / 0.6

    result = attempt.dropout(x, 0.4)

    assert result.any(), "every number was dropped"
    assert_close(result, scaled.masked_fill(result == 0, 0.0))


def test_the_mask_is_made_on_the_device_of_x(attempt):
    assert_follows_device(attempt.dropout, draw(4, 5), 0.3)


@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
@pytest.mark.parametrize("p", [-0.1, 1.1], ids="p={}".format)
def test_rejects_a_p_outside_0_to_1(attempt, p, training):
    with pytest.raises(ValueError):
        attempt.dropout(draw(3), p, training=training)
