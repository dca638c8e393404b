"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_follows_device,
    assert_keeps_dtype,
    largest_intermediate,
)

NAMES = ("grad_q", "grad_k", "grad_v")
LENGTHS = [
    pytest.param(8, 8, id="square"),
    pytest.param(4, 12, id="more-keys"),
    pytest.param(12, 4, id="more-queries"),
    pytest.param(1, 16, id="one-query"),
    pytest.param(5, 1, id="one-key"),
]


def forward(q, k, v, *, causal=False):
    """Attention by its definition, and the log-sum-exp; zeros and -inf where nothing is seen."""
    T_q, T_k = q.shape[2], k.shape[2]
    scores = q @ k.mT / q.shape[3] ** 0.5
    if causal:
        seen = torch.tensor([[j <= i + T_k - T_q for j in range(T_k)] for i in range(T_q)])
        scores = scores.masked_fill(~seen, -torch.inf)
    lse = scores.logsumexp(dim=-1)
    weights = (scores - lse.masked_fill(lse.isneginf(), 0.0)[..., None]).exp()
    return weights @ v, lse


def make_inputs(B=2, H=3, T_q=10, T_k=13, D=8, D_v=5, causal=False, dtype=torch.float64):
    """What backward is given: views that are not contiguous, as heads are split off."""
    shapes = (B, T_q, H, D_v), (B, T_q, H, D), (B, T_k, H, D), (B, T_k, H, D_v)
    grad_out, q, k, v = (torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes)
    out, lse = forward(q.double(), k.double(), v.double(), causal=causal)
    return grad_out, q, k, v, out.to(dtype), lse.to(torch.promote_types(dtype, torch.float32))


def expect(grad_out, q, k, v, *_, causal=False):
    """torch's autograd through the definition, in float64."""
    leaves = [x.detach().double().requires_grad_() for x in (q, k, v)]
    out, _ = forward(*leaves, causal=causal)
    # given grad_out itself, autograd imports sympy first, which takes most of a second
    return torch.autograd.grad((out * grad_out.double()).sum(), leaves)


def check(actual, expected, which=NAMES, **tolerance):
    for name, got, want in zip(NAMES, actual, expected, strict=True):
        if name in which:
            assert_close(got, want, label=name, **tolerance)


@pytest.mark.parametrize("T_q, T_k", LENGTHS)
def test_grad_v_matches_autograd(attempt, T_q, T_k):
    inputs = make_inputs(T_q=T_q, T_k=T_k)
    expected = expect(*inputs)

    grads = attempt.flash_attention_backward(*inputs, block_q=4, block_k=4)

    check(grads, expected, ["grad_v"])


@pytest.mark.parametrize("T_q, T_k", LENGTHS)
def test_grad_q_and_grad_k_match_autograd(attempt, T_q, T_k):
    inputs = make_inputs(T_q=T_q, T_k=T_k)
    expected = expect(*inputs)

    grads = attempt.flash_attention_backward(*inputs, block_q=4, block_k=4)

    check(grads, expected, ["grad_q", "grad_k"])


def test_returns_a_tuple_of_three(attempt):
    inputs = make_inputs()
    expected = tuple(expect(*inputs))

    assert_close(attempt.flash_attention_backward(*inputs), expected)


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
@pytest.mark.parametrize(
    "block_q, block_k",
    [(4, 5), (7, 3), (1, 6), (5, 1), (3, 13), (10, 6), (64, 64), (2, 100)],
    ids=["4-by-5", "7-by-3", "1-by-6", "5-by-1", "3-by-13", "10-by-6", "64-by-64", "2-by-100"],
)
def test_blocks_need_not_divide_the_lengths(attempt, block_q, block_k, causal):
    inputs = make_inputs(T_q=10, T_k=13, causal=causal)
    expected = expect(*inputs, causal=causal)

    grads = attempt.flash_attention_backward(
        *inputs, causal=causal, block_q=block_q, block_k=block_k
    )

    check(grads, expected)


def test_the_default_blocks_serve_long_sequences(attempt):
    inputs = make_inputs(B=1, H=1, T_q=70, T_k=150, causal=True)
    expected = expect(*inputs, causal=True)

    check(attempt.flash_attention_backward(*inputs, causal=True), expected)


@pytest.mark.parametrize(
    "T_q, T_k", [(9, 9), (5, 11), (1, 11)], ids=["square", "chunked-prefill", "one-new-token"]
)
def test_causal_aligns_the_last_query_with_the_last_key(attempt, T_q, T_k):
    inputs = make_inputs(T_q=T_q, T_k=T_k, causal=True)
    expected = expect(*inputs, causal=True)

    grads = attempt.flash_attention_backward(*inputs, causal=True, block_q=4, block_k=3)

    check(grads, expected)


@pytest.mark.parametrize("block_q", [2, 3, 16])
def test_a_query_that_sees_no_key_gets_and_gives_nothing(attempt, block_q):
    inputs = make_inputs(T_q=9, T_k=4, causal=True)
    # the last four queries by themselves, and zeros for the five that see nothing
    last = [x[:, :, -4:] if x.shape[2] == 9 else x for x in inputs]
    grad_q, grad_k, grad_v = expect(*last, causal=True)
    expected = torch.cat([torch.zeros_like(inputs[1][:, :, :5]), grad_q], dim=2), grad_k, grad_v

    grads = attempt.flash_attention_backward(*inputs, causal=True, block_q=block_q, block_k=2)

    check(grads, expected)


def test_a_part_of_the_keys_gives_its_part_of_the_gradients(attempt):
    grad_out, q, k, v, out, lse = make_inputs()
    grad_q, grad_k, grad_v = expect(grad_out, q, k, v)
    first, last = slice(0, 5), slice(5, None)

    grads = [
        attempt.flash_attention_backward(
            *(grad_out, q, k[:, :, part], v[:, :, part], out, lse), block_q=4, block_k=4
        )
        for part in (first, last)
    ]

    assert_close(grads[0][1], grad_k[:, :, first], label="grad_k of the first keys")
    assert_close(grads[1][2], grad_v[:, :, last], label="grad_v of the last keys")
    assert_close(grads[0][0] + grads[1][0], grad_q, label="the sum of both parts of grad_q")


def test_a_case_worked_out_by_hand(attempt):
    # scores 0 and ln 3, weights 1/4 and 3/4; grad_weights 0 and 16, delta 2 * 6 = 12,
    # so grad_scores are 1/4 * -12 = -3 and 3/4 * 4 = 3, times 1/sqrt(4)
    double = {"dtype": torch.float64}
    q = torch.tensor([[[[2.0, 0.0, 0.0, 0.0]]]], **double)
    k = torch.zeros(1, 1, 2, 4, **double)
    k[0, 0, 1, 0] = torch.tensor(3.0, **double).log()
    v = torch.tensor([[[[0.0], [8.0]]]], **double)
    out, grad_out = torch.tensor([[[[6.0]]]], **double), torch.tensor([[[[2.0]]]], **double)
    lse = torch.tensor([[[4.0]]], **double).log()
    expected = (
        k[:, :, 1:] * 1.5,
        torch.tensor([[[[-3.0, 0.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]]]], **double),
        torch.tensor([[[[0.5], [1.5]]]], **double),
    )

    check(attempt.flash_attention_backward(grad_out, q, k, v, out, lse, block_k=1), expected)


def test_scores_in_the_thousands_do_not_overflow(attempt):
    grad_out, q, k, v, _, _ = make_inputs()
    q, k = q * 60, k * 60
    out, lse = forward(q, k, v)
    expected = expect(grad_out, q, k, v)

    grads = attempt.flash_attention_backward(grad_out, q, k, v, out, lse, block_q=4, block_k=4)

    check(
        grads,
        expected,
        rtol=1e-6,
        atol=1e-6,
        why="scores in the thousands carry their rounding into the weights",
    )


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    grad_out, q, k, v, _, _ = make_inputs()
    q[..., 0], k[..., 0] = 1.0, -4e4  # all scores lie near -4e4 / sqrt(8) = -14,142
    out, lse = forward(q, k, v, causal=True)
    expected = expect(grad_out, q, k, v, causal=True)

    grads = attempt.flash_attention_backward(
        grad_out, q, k, v, out, lse, causal=True, block_q=4, block_k=4
    )

    check(
        grads,
        expected,
        rtol=1e-4,
        atol=1e-4,
        # the gradient of q adds up keys of -40,000
        why="scores near -14,142 carry their rounding into the weights",
    )


@pytest.mark.parametrize("causal", [False, True], ids=["full", "causal"])
def test_never_makes_t_by_t(attempt, causal):
    inputs = make_inputs(B=1, H=2, T_q=32, T_k=48, D=4, D_v=4, causal=causal)
    limit = 48 * 2 * 4

    made = largest_intermediate(
        attempt.flash_attention_backward, *inputs, causal=causal, block_q=8, block_k=8
    )

    assert made <= limit


def test_never_holds_all_scores_of_a_query(attempt):
    inputs = make_inputs(B=1, H=2, T_q=16, T_k=128, D=4, D_v=4)
    limit = 128 * 2 * 4

    made = largest_intermediate(attempt.flash_attention_backward, *inputs, block_q=16, block_k=8)

    assert made <= limit


def test_never_holds_all_scores_of_a_key(attempt):
    inputs = make_inputs(B=1, H=2, T_q=128, T_k=16, D=4, D_v=4)
    limit = 128 * 2 * 4

    made = largest_intermediate(attempt.flash_attention_backward, *inputs, block_q=8, block_k=16)

    assert made <= limit


def test_gradients_have_the_dtype_of_q(attempt):
    # lse has one of its own
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        *inputs, lse = make_inputs(dtype=dtype)
        assert_keeps_dtype(
            lambda *inputs, lse=lse: attempt.flash_attention_backward(*inputs, lse),
            *inputs,
            dtypes=(dtype,),
        )


def test_bfloat16_is_summed_in_float32(attempt):
    grad_out, q, k, v, out, lse = make_inputs(B=1, T_q=64, T_k=64, D=24, dtype=torch.bfloat16)
    # exact for the rounded out that backward is given: what out is off by enters through delta
    weights = (q.double() @ k.double().mT / 24**0.5 - lse.double()[..., None]).exp()
    g = grad_out.double()
    delta = (g * out.double()).sum(-1, keepdim=True)
    grad_scores = weights * (g @ v.double().mT - delta) / 24**0.5
    expected = grad_scores @ k.double(), grad_scores.mT @ q.double(), weights.mT @ g

    grads = attempt.flash_attention_backward(grad_out, q, k, v, out, lse, block_q=8, block_k=16)

    # one rounding errs by half a step between neighbours, 1/256
    check(
        [grad.double() for grad in grads],
        expected,
        rtol=0.005,
        atol=1e-4,
        why="one rounding to bfloat16",
    )


def test_sequences_of_a_batch_do_not_mix(attempt):
    assert_batch_rows_independent(attempt.flash_attention_backward, *make_inputs(B=3))


def test_a_second_call_gives_the_same(attempt):
    inputs = make_inputs(causal=True)
    expected = expect(*inputs, causal=True)
    attempt.flash_attention_backward(*make_inputs(T_q=5), block_q=4, block_k=4)

    check(attempt.flash_attention_backward(*inputs, causal=True, block_q=4, block_k=4), expected)


def test_runs_without_autograd(attempt):
    inputs = make_inputs()
    expected = expect(*inputs)

    with torch.inference_mode():
        grads = attempt.flash_attention_backward(*inputs, block_q=4, block_k=4)

    check(grads, expected)


def test_all_is_made_on_the_device_of_q(attempt):
    inputs = make_inputs(causal=True)

    assert_follows_device(
        attempt.flash_attention_backward, *inputs, causal=True, block_q=4, block_k=4
    )


@pytest.mark.parametrize(
    "blocks",
    [(0, 4), (4, 0), (-1, 4), (4, -2)],
    ids=["no-q", "no-k", "negative-q", "negative-k"],
)
def test_rejects_blocks_below_one(attempt, blocks):
    with pytest.raises(ValueError):
        attempt.flash_attention_backward(*make_inputs(), block_q=blocks[0], block_k=blocks[1])


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 heads of 64, causal, tiles of 64, in float32."""
    inputs = make_inputs(1, 4, size, size, 64, 64, causal=True, dtype=torch.float32)
    inputs = [x.to(device) for x in inputs]
    return lambda: attempt.flash_attention_backward(*inputs, causal=True)


bench.sizes = (64, 256, 512)
