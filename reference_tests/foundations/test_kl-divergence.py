"""Values are compared in float64, where only logic, not rounding, can differ."""

import math

import pytest
import torch
from torch.nn.functional import kl_div

from grader.testing import assert_close, assert_same_gradients

INF = math.inf
REDUCTIONS = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
SHAPES = pytest.mark.parametrize(
    "shape", [(5,), (4, 7), (4, 4), (2, 3, 5), (3, 1)], ids=["row", "rows", "square", "3d", "V=1"]
)
HALVES = [
    pytest.param(torch.bfloat16, id="bfloat16"),
    pytest.param(torch.float16, id="float16"),
]


def draw(*shape, dtype=torch.float64):
    return [(2 * torch.randn(shape, dtype=torch.float64) + 1).to(dtype) for _ in range(2)]


def torch_kl(p_logits, q_logits):
    """torch takes q first, and as log-probabilities; the divergence of each row."""
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)


@SHAPES
def test_each_row_matches_torch(attempt, shape):
    p, q = draw(*shape)
    expected = torch_kl(p, q)

    assert_close(attempt.kl_divergence(p, q, reduction="none"), expected)


def test_the_sum_adds_up_all_rows(attempt):
    p, q = draw(2, 3, 5)
    expected = torch_kl(p, q).sum()

    assert_close(attempt.kl_divergence(p, q, reduction="sum"), expected)


def test_the_mean_divides_by_the_number_of_rows(attempt):
    p, q = draw(2, 3, 5)
    expected = torch_kl(p, q).sum() / 6

    assert_close(attempt.kl_divergence(p, q, reduction="mean"), expected)


def test_the_mean_is_the_default(attempt):
    p, q = draw(4, 7)
    expected = torch_kl(p, q).mean()

    assert_close(attempt.kl_divergence(p, q), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    p = torch.tensor([[1.0, 1.0, 2.0]], dtype=torch.float64).log() + 3
    q = torch.tensor([[1.0, 4.0, 3.0]], dtype=torch.float64).log() - 5
    # p = 1/4 1/4 1/2 and q = 1/8 4/8 3/8
    expected = torch.tensor(0.5 * math.log(4 / 3), dtype=torch.float64)

    assert_close(attempt.kl_divergence(p, q), expected)


def test_equal_distributions_are_zero_apart(attempt):
    p, _ = draw(4, 7)
    shifted = p + torch.randn(4, 1, dtype=torch.float64)

    losses = attempt.kl_divergence(p, shifted, reduction="none")

    assert_close(losses, torch.zeros(4, dtype=torch.float64))


def test_is_never_negative(attempt):
    p, q = draw(50, 6)

    lowest = attempt.kl_divergence(p, q, reduction="none").min().item()

    assert lowest >= 0


def test_a_constant_added_to_a_row_changes_nothing(attempt):
    p, q = draw(4, 7)
    expected = torch_kl(p, q)
    up, down = (10 * torch.randn(4, 1, dtype=torch.float64) for _ in range(2))

    assert_close(attempt.kl_divergence(p + up, q + down, reduction="none"), expected)


@SHAPES
@REDUCTIONS
def test_gradients_match_autograd(attempt, shape, reduction):
    def expected(p_logits, q_logits):
        losses = torch_kl(p_logits, q_logits)
        return {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]

    assert_same_gradients(
        lambda p_logits, q_logits: attempt.kl_divergence(p_logits, q_logits, reduction=reduction),
        expected,
        *draw(*shape),
        names=("p_logits", "q_logits"),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_large_logits_give_a_finite_loss(attempt, dtype):
    p = torch.tensor([[1e4, 0.0, -1e4], [0.0, 0.0, -1e4], [0.0, 1e4, 0.0]], dtype=dtype)
    q = torch.tensor([[-1e4, 0.0, 0.0], [0.0, 0.0, 1e4], [0.0, 1e4, 0.0]], dtype=dtype)
    expected = torch.tensor([1e4 + math.log(2), 1e4 - math.log(2), 0.0], dtype=dtype)

    # log-sum-exp less logit rounds more than log-probabilities do, and is as right
    assert_close(
        attempt.kl_divergence(p, q, reduction="none"),
        expected,
        rtol=1e-6,
        atol=2e-3,
        why="float32 numbers near 10,000 are 1/1024 apart",
    )


def test_gradients_of_large_logits_are_right(attempt):
    p, q = draw(6, 5)

    assert_same_gradients(
        lambda p_logits, q_logits: attempt.kl_divergence(p_logits, q_logits, reduction="none"),
        torch_kl,
        300 * p,
        300 * q,
        names=("p_logits", "q_logits"),
    )


@pytest.mark.parametrize("both", [False, True], ids=["p-alone", "p-and-q"])
def test_what_p_excludes_adds_nothing(attempt, both):
    p, q = draw(4, 6)
    p[:, 2] = -INF
    p[1, 0] = -INF
    if both:
        q[:, 2] = -INF
    log_p, log_q = p.log_softmax(-1), q.log_softmax(-1)
    terms = torch.where(p == -INF, 0.0, log_p.exp() * (log_p - log_q))
    expected = terms.sum(-1)

    assert_close(attempt.kl_divergence(p, q, reduction="none"), expected)


@pytest.mark.parametrize("both", [False, True], ids=["p-alone", "p-and-q"])
def test_gradients_are_finite_where_p_excludes(attempt, both):
    p, q = draw(4, 6)
    p[:, 2] = -INF
    if both:
        q[:, 2] = -INF
    kept = [0, 1, 3, 4, 5]

    def expected(p_logits, q_logits):
        log_p = p_logits[:, kept].log_softmax(-1)
        log_q = (q_logits[:, kept] if both else q_logits).log_softmax(-1)
        return (log_p.exp() * (log_p - (log_q if both else log_q[:, kept]))).sum(-1)

    assert_same_gradients(
        lambda p_logits, q_logits: attempt.kl_divergence(p_logits, q_logits, reduction="none"),
        expected,
        p,
        q,
        names=("p_logits", "q_logits"),
    )


def test_what_q_excludes_but_p_does_not_is_infinitely_far(attempt):
    p, q = draw(3, 5)
    expected = torch_kl(p, q)
    expected[1] = INF
    p[1, 4], q[1, 4] = p[1].max() - 25, -INF

    assert_close(attempt.kl_divergence(p, q, reduction="none"), expected)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_is_computed_and_returned_in_float32(attempt, dtype):
    p, q = draw(8, 40, dtype=dtype)
    expected = torch_kl(p.double(), q.double()).float()

    assert_close(attempt.kl_divergence(p, q, reduction="none"), expected)


@pytest.mark.parametrize("first", [True, False], ids=["p", "q"])
def test_one_float64_input_makes_the_result_float64(attempt, first):
    p, q = draw(4, 5)
    p, q = (p, q.float()) if first else (p.float(), q)
    expected = torch_kl(p.double(), q.double())

    assert_close(
        attempt.kl_divergence(p, q, reduction="none"),
        expected,
        rtol=1e-11,
        atol=1e-12,
        why="float64 has 16 digits",
    )


def test_float64_is_computed_in_float64(attempt):
    p, q = draw(4, 7)
    expected = torch_kl(p, q)

    assert_close(
        attempt.kl_divergence(p, q, reduction="none"),
        expected,
        rtol=1e-11,
        atol=1e-12,
        why="float64 has 16 digits",
    )


@REDUCTIONS
def test_no_rows_give_zero_or_nothing(attempt, reduction):
    p = torch.zeros(0, 3, requires_grad=True)
    expected = torch.zeros(0 if reduction == "none" else ())

    loss = attempt.kl_divergence(p, torch.zeros(0, 3), reduction=reduction)

    assert_close(loss, expected)
    loss.sum().backward()


def test_accepts_transposed_logits(attempt):
    p, q = (logits.transpose(1, 2) for logits in draw(2, 5, 4))
    expected = torch_kl(p, q)

    assert_close(attempt.kl_divergence(p, q, reduction="none"), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_p_that_rounds_to_zero_adds_nothing_where_q_excludes(attempt, dtype):
    # exp(-10,000) is 0 in every dtype
    p = torch.tensor([[0.0, 1.0, -1e4]], dtype=dtype)
    q = torch.tensor([[1.0, 0.0, -INF]], dtype=dtype)
    expected = torch_kl(p[:, :2], q[:, :2])

    assert_close(attempt.kl_divergence(p, q, reduction="none"), expected)


@pytest.mark.parametrize("shape", [(5,), (1, 5), (4, 1), (4, 6), (2, 4, 5)], ids=str)
def test_rejects_shapes_that_broadcast(attempt, shape):
    with pytest.raises(ValueError):
        attempt.kl_divergence(draw(4, 5)[0], draw(*shape)[0])


def test_rejects_an_unknown_reduction(attempt):
    with pytest.raises(ValueError):
        attempt.kl_divergence(*draw(4, 5), reduction="batchmean")
