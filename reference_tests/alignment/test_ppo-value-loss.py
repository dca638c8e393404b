"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch

from grader.testing import assert_close, assert_follows_device, assert_same_gradients

NAMES = ("vf_loss", "vf_clipfrac")


def make_batch(B=5, T=7, dtype=torch.float64):
    """Values inside and outside of the range, on both sides of the return; a mask with gaps."""
    values, step, error = (x * torch.randn(B, T, dtype=torch.float64) for x in (2, 1, 2))
    # multiples of 1/64, and steps between them: values + (vpreds - values) is vpreds to the last
    # bit, and no value lies at the edge of a range or as far from the return as the edge does
    values, returns = (3 + x.mul(64).round() / 64 for x in (values, values + error))
    vpreds = values + (step.mul(64).floor() + 0.5) / 64
    # whatever was drawn: one step too far up and one too far down, in every range used here
    sign = torch.tensor([1.0, -1.0], dtype=torch.float64)
    values[:2, 0], vpreds[:2, 0], returns[:2, 0] = 0, 2 * sign, 4 * sign
    vpreds, returns, values = (x.to(dtype) for x in (vpreds, returns, values))
    response_mask = torch.arange(T) <= torch.arange(B)[:, None] % T
    response_mask[2::3, 1:2] = False
    return vpreds, returns, values, response_mask


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def token_by_token(vpreds, returns, values, response_mask, c):
    """Two sums over Python floats."""
    loss = clips = count = 0.0
    for row, step in response_mask.nonzero().tolist():
        new, target, old = (x[row, step].item() for x in (vpreds, returns, values))
        plain = (new - target) ** 2
        clipped = (min(max(new, old - c), old + c) - target) ** 2
        loss += max(plain, clipped) / 2
        clips += clipped > plain
        count += 1
    return [scalar(x / max(count, 1)) for x in (loss, clips)]


def check(got, expected):
    assert len(got) == 2, f"expected two results, got {len(got)}"
    for name, value, want in zip(NAMES, got, expected, strict=True):
        assert_close(value, want, label=name)


def gradient_of(module, vpreds, *rest):
    leaf = vpreds.detach().clone().requires_grad_()
    loss = module.compute_value_loss(leaf, *rest)[0]
    assert loss.requires_grad, "the loss is cut off from vpreds: no gradient flows back"
    return torch.autograd.grad(loss, leaf)[0]


def one_token(vpred, target, value, c=0.5):
    tensors = (scalar([[x]]) for x in (vpred, target, value))
    return *tensors, torch.ones(1, 1, dtype=torch.bool), c


@pytest.mark.parametrize(
    "B, T, c",
    [
        pytest.param(5, 7, 0.5, id="usual"),
        pytest.param(3, 12, 0.2, id="narrow"),
        pytest.param(6, 6, 1.5, id="square-and-wide"),
        pytest.param(4, 1, 0.5, id="one-token"),
    ],
)
def test_follows_the_two_sums(attempt, B, T, c):
    batch = make_batch(B, T)
    expected = token_by_token(*batch, c)

    check(attempt.compute_value_loss(*batch, c), expected)


def test_matches_a_case_worked_by_hand(attempt):
    # old values 0 and a range of 0.5; squares 2.25 for 1, 1 for 0.25, 0.5625 twice, 6.25 for 4
    vpreds, returns = scalar([[1.0, 1.0, 0.25, -1.0]]), scalar([[2.0, 0.0, 1.0, -3.0]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    expected = [scalar((2.25 + 1 + 0.5625 + 6.25) / 8), scalar(0.5)]

    check(attempt.compute_value_loss(vpreds, returns, 0 * vpreds, mask, 0.5), expected)


def test_the_range_is_in_units_of_the_value(attempt):
    # old values 10 and -10: a step of 2 is outside of 0.5, though within half of the value
    vpreds, returns, values = (
        scalar([[12.0, -12.0]]),
        scalar([[14.0, -14.0]]),
        scalar([[10.0, -10.0]]),
    )
    mask = torch.ones(1, 2, dtype=torch.bool)
    expected = [scalar(3.5**2 / 2), scalar(1.0)]

    check(attempt.compute_value_loss(vpreds, returns, values, mask, 0.5), expected)


@pytest.mark.parametrize(
    "vpred, target, slope",
    [
        pytest.param(1.0, 2.0, 0.0, id="up-too-far"),
        pytest.param(-1.0, -2.0, 0.0, id="down-too-far"),
        pytest.param(1.0, -2.0, 3.0, id="up-the-wrong-way"),
        pytest.param(-1.0, 2.0, -3.0, id="down-the-wrong-way"),
        pytest.param(0.25, 2.0, -1.75, id="inside"),
        pytest.param(5.0, 2.0, 3.0, id="far-past-the-return"),
    ],
)
def test_only_a_step_too_far_towards_the_return_stops_learning(attempt, vpred, target, slope):
    got = gradient_of(attempt, *one_token(vpred, target, 0.0))

    assert_close(got, scalar([[slope]]), label="the gradient of vpreds")


def test_the_first_step_is_a_plain_squared_error(attempt):
    # vpreds and values are one tensor: nothing is clipped
    _, returns, values, response_mask = make_batch()
    leaf = values.clone().requires_grad_()
    count = response_mask.sum()
    expected = ((values - returns).square() * response_mask).sum() / count / 2
    slopes = (values - returns) * response_mask / count

    loss, clipfrac = attempt.compute_value_loss(leaf, returns, leaf, response_mask, 0.3)
    assert loss.requires_grad, "the loss is cut off from vpreds: no gradient flows back"
    (gradient,) = torch.autograd.grad(loss, leaf)

    check((loss, clipfrac), (expected, scalar(0.0)))
    assert_close(gradient, slopes, label="the gradient of vpreds")


def test_only_vpreds_gets_a_gradient(attempt, reference):
    *tensors, response_mask = make_batch()

    assert_same_gradients(
        lambda *x: attempt.compute_value_loss(*x, response_mask, 0.5)[0],
        lambda *x: reference.compute_value_loss(*x, response_mask, 0.5)[0],
        *tensors,
        names=("vpreds", "returns", "values"),
    )


def test_the_clip_fraction_carries_no_gradient(attempt):
    vpreds, *rest = make_batch()

    _, clipfrac = attempt.compute_value_loss(vpreds.requires_grad_(), *rest, 0.5)

    assert not clipfrac.requires_grad, "vf_clipfrac carries a gradient: detach it"


def test_long_responses_weigh_more(attempt):
    # errors of 1 at nine tokens, of 3 at one: (9 * 1 + 9) / 10 / 2
    zeros = torch.zeros(2, 10, dtype=torch.float64)
    returns = scalar([[1.0], [3.0]]).expand(2, 10)
    response_mask = torch.arange(10) < torch.tensor([9, 1])[:, None]

    loss, _ = attempt.compute_value_loss(zeros, returns, zeros, response_mask, 0.5)

    assert_close(loss, scalar(0.9), label="vf_loss")


@pytest.mark.parametrize(
    "tensors, value",
    [
        pytest.param((0, 1, 2), math.nan, id="nan-in-all-three"),
        pytest.param((0,), math.inf, id="inf-in-vpreds"),
        pytest.param((1,), -math.inf, id="minus-inf-in-returns"),
        pytest.param((2,), math.inf, id="inf-in-values"),
        pytest.param((0, 1), 1000.0, id="a-thousand-in-vpreds-and-returns"),
        pytest.param((0,), -1000.0, id="minus-a-thousand-in-vpreds"),
    ],
)
def test_padding_changes_neither_results_nor_gradient(attempt, reference, tensors, value):
    batch = make_batch()
    mask = batch[3]
    expected, slopes = token_by_token(*batch, 0.5), gradient_of(reference, *batch, 0.5)
    filled = [x.masked_fill(~mask, value) if i in tensors else x for i, x in enumerate(batch)]

    check(attempt.compute_value_loss(*filled, 0.5), expected)
    assert_close(gradient_of(attempt, *filled, 0.5), slopes, label="the gradient of vpreds")


def test_a_batch_without_response_tokens_gives_zeros(attempt):
    *tensors, response_mask = make_batch()
    batch = (*tensors, torch.zeros_like(response_mask), 0.5)

    check(attempt.compute_value_loss(*batch), [scalar(0.0)] * 2)
    gradient = gradient_of(attempt, *batch)
    assert_close(gradient, torch.zeros_like(tensors[0]), label="the gradient of vpreds")


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32],
    ids=["bfloat16", "float16", "float32"],
)
def test_half_precision_is_computed_in_float32(attempt, dtype):
    # bfloat16 does not hold 495 tokens, and drops 1/512 from a bound, 0.0015 from an error
    vpreds, returns, values, response_mask = make_batch(5, 99, dtype=dtype)
    response_mask[:] = True
    batch = vpreds, torch.full_like(returns, 0.0015), values, response_mask, 257 / 512
    exact = token_by_token(*(x.double() for x in batch[:3]), *batch[3:])

    check(attempt.compute_value_loss(*batch), [x.float() for x in exact])


def test_float64_is_computed_in_float64(attempt):
    # float32 numbers near 1000 lie 6e-5 apart: 2e-5 is lost
    batch = one_token(1000 + 2e-5, 999 - 2e-5, 1000.0)
    expected = token_by_token(*batch)

    check(attempt.compute_value_loss(*batch), expected)


def test_results_lie_where_vpreds_do(attempt):
    assert_follows_device(attempt.compute_value_loss, *make_batch(), 0.5)
