"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_follows_device,
    assert_same_gradients,
)

NAMES = ("x", "w_q", "w_k", "w_v")
SIZES = [
    pytest.param((2, 5, 8, 4, 6), id="all-differ"),
    pytest.param((3, 4, 4, 4, 4), id="all-alike"),
    pytest.param((1, 7, 3, 10, 2), id="wide-keys"),
    pytest.param((2, 1, 6, 3, 5), id="one-token"),
]


def make_inputs(B=2, T=5, D=8, d_k=4, d_v=6, dtype=torch.float64):
    # a view that is not contiguous
    x = torch.randn(T, B, D, dtype=torch.float64).transpose(0, 1)
    weights = [torch.randn(D, d, dtype=torch.float64) * D**-0.5 for d in (d_k, d_k, d_v)]
    return [tensor.to(dtype) for tensor in (x, *weights)]


def by_torch(x, w_q, w_k, w_v, *, causal=False):
    """torch's attention; the weights are what it gives for values that are one-hot."""
    q, k = x @ w_q, x @ w_k
    one_hot = torch.eye(x.shape[1], dtype=x.dtype).expand(x.shape[0], -1, -1)
    out, weights = (
        scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], is_causal=causal)[:, 0]
        for v in (x @ w_v, one_hot)
    )
    return out, weights


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_torch(attempt, sizes):
    inputs = make_inputs(*sizes)
    expected, _ = by_torch(*inputs)

    assert_close(attempt.self_attention(*inputs)[0], expected, label="out")


@pytest.mark.parametrize("sizes", SIZES)
def test_causal_matches_torch(attempt, sizes):
    inputs = make_inputs(*sizes)
    expected, _ = by_torch(*inputs, causal=True)

    assert_close(attempt.self_attention(*inputs, causal=True)[0], expected, label="out")


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_returns_output_and_weights(attempt, causal):
    inputs = make_inputs()
    expected = by_torch(*inputs, causal=causal)

    assert_close(attempt.self_attention(*inputs, causal=causal), expected)


def test_matches_a_case_worked_out_by_hand(attempt):
    # scores of token 1 are 2 * ln(3) / sqrt(4) times (0, 1): weights 1/4 and 3/4
    x = torch.tensor([[[0.0], [1.0]]], dtype=torch.float64)
    w_q = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    w_k = torch.tensor([[3.0, 5.0, 5.0, 5.0]], dtype=torch.float64).log()
    w_v = torch.tensor([[8.0]], dtype=torch.float64)
    out = torch.tensor([[[4.0], [6.0]]], dtype=torch.float64)
    weights = torch.tensor([[[0.5, 0.5], [0.25, 0.75]]], dtype=torch.float64)

    assert_close(attempt.self_attention(x, w_q, w_k, w_v), (out, weights))


def test_each_row_of_weights_sums_to_one(attempt):
    _, weights = attempt.self_attention(*make_inputs())

    assert_close(weights.sum(-1), torch.ones(2, 5, dtype=torch.float64), label="sums of rows")


def test_causal_weights_sum_to_one_too(attempt):
    _, weights = attempt.self_attention(*make_inputs(), causal=True)

    assert_close(weights.sum(-1), torch.ones(2, 5, dtype=torch.float64), label="sums of rows")


def test_a_hidden_tokens_weight_is_exactly_zero(attempt):
    _, weights = attempt.self_attention(*make_inputs(), causal=True)

    assert weights.triu(1).abs().max().item() == 0


def test_a_causal_token_sees_itself_and_what_came_before(attempt):
    # zero queries: all that is seen weighs the same
    x, w_q, w_k, w_v = make_inputs(T=4)
    row = [[1, 0, 0, 0], [1 / 2, 1 / 2, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0], [1 / 4] * 4]
    expected = torch.tensor([row, row], dtype=torch.float64)

    _, weights = attempt.self_attention(x, torch.zeros_like(w_q), w_k, w_v, causal=True)

    assert_close(weights, expected, label="weights")


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_gradients_match_torch(attempt, causal):
    inputs = make_inputs()

    assert_same_gradients(attempt.self_attention, by_torch, *inputs, names=NAMES, causal=causal)


def test_sequences_of_a_batch_do_not_mix(attempt):
    assert_batch_rows_independent(attempt.self_attention, *make_inputs(B=3), batched=[0])


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_scores_in_the_thousands_do_not_overflow(attempt, causal):
    x, w_q, w_k, w_v = make_inputs()
    expected = by_torch(x, w_q * 50, w_k * 50, w_v, causal=causal)

    assert_close(attempt.self_attention(x, w_q * 50, w_k * 50, w_v, causal=causal), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    x, w_q, w_k, w_v = make_inputs()
    # channel 0 is 1 in all queries and -1e5 in all keys: scores near -1e5 / sqrt(4) = -50,000
    x[..., 0], w_q[:, 0], w_k[:, 0] = 1.0, 0.0, 0.0
    w_q[0, 0], w_k[0, 0] = 1.0, -1e5
    expected = by_torch(x, w_q, w_k, w_v, causal=True)

    assert_close(attempt.self_attention(x, w_q, w_k, w_v, causal=True), expected)


def test_what_is_hidden_stays_so_below_float16s_range(attempt):
    x, w_q, w_k, w_v = make_inputs(dtype=torch.float16)
    x[..., 0], w_q[:], w_k[:] = 1.0, 0.0, 0.0
    w_q[0, 0], w_k[0, 0] = 8.0, -4e4  # all scores are -320,000 / sqrt(4) = -160,000
    expected = torch.ones(5, 5).tril() / torch.arange(1, 6)[:, None]

    _, weights = attempt.self_attention(x, w_q, w_k, w_v, causal=True)

    assert_close(
        weights,
        expected.expand(2, 5, 5).half(),
        rtol=0.02,
        atol=0,
        why="scores near -1e5, in float32",
    )


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_x(attempt, dtype):
    out, weights = attempt.self_attention(*make_inputs(dtype=dtype))

    assert [out.dtype, weights.dtype] == [dtype, dtype]


def test_bfloat16_is_computed_in_float32(attempt):
    x, w_q, w_k, w_v = make_inputs(T=16, D=64, d_k=58, d_v=64, dtype=torch.bfloat16)
    # scores of about 4, where bfloat16 is spaced 1/32 apart; 1/sqrt(58) is no number of its own
    w_q = w_q * 4
    exact = by_torch(x.double(), w_q.double(), w_k.double(), w_v.double())
    expected = tuple(tensor.bfloat16() for tensor in exact)

    assert_close(
        attempt.self_attention(x, w_q, w_k, w_v),
        expected,
        rtol=1.6e-2,
        atol=1e-4,
        why="sums near zero carry float32's rounding",
    )


def test_float16_dot_products_may_exceed_65504(attempt):
    x, w_q, w_k, w_v = make_inputs(T=4, D=16, d_k=64, dtype=torch.float16)
    w_q, w_k = w_q * 100, w_k * 100
    exact = by_torch(x.double(), w_q.double(), w_k.double(), w_v.double())[1]
    # some scores come close, and float32 decides between them with 5 digits
    _, weights = attempt.self_attention(x, w_q, w_k, w_v)

    assert_close(
        weights.double(), exact, rtol=0.05, atol=0.01, why="float32 scores in the thousands"
    )


def test_a_second_call_gives_the_same(attempt):
    inputs = make_inputs()
    expected = by_torch(*inputs, causal=True)
    attempt.self_attention(*make_inputs())

    attempt.self_attention(*inputs, causal=True)
    assert_close(attempt.self_attention(*inputs, causal=True), expected)


def test_the_mask_is_made_on_the_device_of_x(attempt):
    assert_follows_device(attempt.self_attention, *make_inputs(), causal=True)


def test_rejects_queries_and_keys_of_two_widths(attempt):
    x, w_q, _, w_v = make_inputs(d_k=4)
    w_k = torch.randn(8, 1, dtype=torch.float64)

    with pytest.raises(ValueError):
        attempt.self_attention(x, w_q, w_k, w_v)
