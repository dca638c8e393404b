"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch

from grader.testing import (
    assert_batch_rows_independent,
    assert_cache_equals_full,
    assert_chunks_agree,
    assert_close,
    assert_follows_device,
    assert_same_gradients,
    largest_intermediate,
)

NAMES = ("q", "k", "v", "g", "state")
SIZES = [
    pytest.param((2, 3, 10, 8, 5), id="more-keys-than-values"),
    pytest.param((2, 3, 8, 4, 9), id="more-values-than-keys"),
    pytest.param((3, 2, 4, 4, 4), id="all-alike"),
    pytest.param((2, 2, 1, 6, 3), id="one-token"),
]


def make_inputs(B=2, H=3, T=10, D=8, D_v=5):
    # as heads are split off in practice: views that are not contiguous
    q, k, x = (torch.randn(B, T, H, D, dtype=torch.float64).transpose(1, 2) for _ in "qkg")
    v = torch.randn(B, T, H, D_v, dtype=torch.float64).transpose(1, 2)
    # gates from 0.05 to 1
    g = -torch.sigmoid(x) * 3
    return q, k, v, g


def make_state(B=2, H=3, D=8, D_v=5):
    return torch.randn(B, H, D, D_v, dtype=torch.float64)


def by_definition(q, k, v, g, state=None):
    """Every pair of tokens by itself: what is left of key j when token i reads."""
    T, D = q.shape[2:]
    q = q / D**0.5
    outs = []
    for i in range(T):
        out = 0
        if state is not None:
            faded = g[:, :, : i + 1].sum(2).exp()[..., None] * state
            out = (q[:, :, i, None] @ faded)[:, :, 0]
        for j in range(i + 1):
            left = k[:, :, j] * g[:, :, j + 1 : i + 1].sum(2).exp()
            out = out + (q[:, :, i] * left).sum(-1, keepdim=True) * v[:, :, j]
        outs.append(out)
    end = 0 if state is None else g.sum(2).exp()[..., None] * state
    for j in range(T):
        left = k[:, :, j] * g[:, :, j + 1 :].sum(2).exp()
        end = end + left[..., None] * v[:, :, j, None]
    return torch.stack(outs, dim=2), end


def chunks_of(attempt, size):
    return lambda *inputs: attempt.gla_chunked(*inputs[:4], chunk_size=size, state=inputs[4])


def recurrent(attempt):
    return lambda *inputs: attempt.gla_recurrent(*inputs[:4], state=inputs[4])


@pytest.mark.parametrize("sizes", SIZES)
def test_recurrent_matches_the_definition(attempt, sizes):
    inputs = make_inputs(*sizes)
    expected = by_definition(*inputs)

    assert_close(attempt.gla_recurrent(*inputs), expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_chunked_matches_the_definition(attempt, sizes):
    inputs = make_inputs(*sizes)
    expected = by_definition(*inputs)

    assert_close(attempt.gla_chunked(*inputs, chunk_size=3), expected)


def test_any_size_of_chunks_gives_the_same(attempt):
    inputs = make_inputs()
    expected = by_definition(*inputs)

    assert_chunks_agree(
        lambda size: attempt.gla_chunked(*inputs, chunk_size=size),
        (1, 2, 3, 5, 7, 10, 64),
        expected=expected,
    )


def test_a_given_state_fades_as_tokens_come(attempt):
    inputs, state = make_inputs(), make_state()
    expected = by_definition(*inputs, state)

    assert_close(attempt.gla_recurrent(*inputs, state=state), expected)
    assert_close(attempt.gla_chunked(*inputs, chunk_size=4, state=state), expected)


@pytest.mark.parametrize("pieces", [(4, 6), (1, 8, 1), (7, 2, 1)], ids=str)
@pytest.mark.parametrize("form", ["recurrent", "chunked"])
def test_a_text_in_pieces_gives_what_it_gives_at_once(attempt, form, pieces):
    q, k, v, g = make_inputs()
    expected, _ = by_definition(q, k, v, g)
    run = recurrent(attempt) if form == "recurrent" else chunks_of(attempt, 3)

    assert_cache_equals_full(
        lambda x, state: run(*x.split((8, 8, 5, 8), dim=-1), state),
        torch.cat([q, k, v, g], dim=-1),
        pieces=pieces,
        dim=2,
        expected=expected,
    )


def test_a_case_worked_out_by_hand(attempt):
    # gates 1/2: token 1 reads 12 / 2 + 4, token 2 reads 12 / 4 + 4 / 2 + 1, and sqrt(1) = 1
    double = {"dtype": torch.float64}
    q, k = torch.ones(1, 1, 3, 1, **double), torch.ones(1, 1, 3, 1, **double)
    v = torch.tensor([[[[12.0], [4.0], [1.0]]]], **double)
    g = torch.full((1, 1, 3, 1), 0.5, **double).log()
    out = torch.tensor([[[[12.0], [10.0], [6.0]]]], **double)
    expected = out, out[:, :, 2:].clone()

    assert_close(attempt.gla_recurrent(q, k, v, g), expected)
    assert_close(attempt.gla_chunked(q, k, v, g, chunk_size=2), expected)


def test_gates_of_one_give_plain_linear_attention(attempt):
    q, k, v, _ = make_inputs()
    g = torch.zeros_like(q)
    expected = (q @ k.mT).tril() @ v / 8**0.5, k.mT @ v

    assert_close(attempt.gla_recurrent(q, k, v, g), expected)
    assert_close(attempt.gla_chunked(q, k, v, g, chunk_size=4), expected)


@pytest.mark.parametrize("low", [-60.0, -200.0])
def test_shut_gates_do_not_overflow(attempt, low):
    q, k, v, g = make_inputs(T=40)
    # half of the channels forget at once, at every token
    g = g.clone()
    g[..., ::2] = low
    expected = by_definition(q, k, v, g)

    assert_close(attempt.gla_recurrent(q, k, v, g), expected)
    assert_close(attempt.gla_chunked(q, k, v, g, chunk_size=16), expected)


@pytest.mark.parametrize("form", ["recurrent", "chunked"])
def test_gradients_match_the_definition(attempt, form):
    run = recurrent(attempt) if form == "recurrent" else chunks_of(attempt, 3)
    inputs = *make_inputs(T=7), make_state()

    assert_same_gradients(run, by_definition, *inputs, names=NAMES)


def test_gradients_are_finite_where_gates_are_shut(attempt):
    q, k, v, g = make_inputs(T=9)
    g = g.clone()
    g[..., ::2] = -200.0

    assert_same_gradients(
        chunks_of(attempt, 8), by_definition, q, k, v, g, make_state(), names=NAMES
    )


def test_gates_before_a_chunk_do_not_blur_it(attempt):
    q, k, v, g = (x.float() for x in make_inputs(B=1, H=2, T=144))
    g = g / 30
    g[:, :, :128] = -200.0  # nothing before token 127 is left
    tail = by_definition(*(x[:, :, 127:].double() for x in (q, k, v, g)))
    expected = tuple(x.float() for x in tail)
    near = {"rtol": 1e-4, "atol": 1e-4, "why": "float32 sums"}

    out, state = attempt.gla_chunked(q, k, v, g, chunk_size=8)

    assert_close((out[:, :, 127:], state), expected, **near)


def test_memory_is_that_of_a_chunk(attempt):
    inputs = make_inputs(B=1, H=2, T=256, D=16, D_v=16)
    # a score for each pair, or a state for each token: 2 * 256 * 256 either way
    most = 2 * 256 * 256

    made = largest_intermediate(attempt.gla_chunked, *inputs, chunk_size=8)

    assert made < most


def test_one_state_serves_two_continuations(attempt):
    inputs, other, state = make_inputs(), make_inputs(), make_state()
    expected = by_definition(*inputs, state)[0], by_definition(*other, state)[0]

    first, _ = attempt.gla_chunked(*inputs, chunk_size=4, state=state)
    second, _ = attempt.gla_recurrent(*other, state=state)

    assert_close((first, second), expected)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_out_has_the_dtype_of_q(attempt, dtype):
    inputs = [x.to(dtype) for x in make_inputs()]

    outs = [attempt.gla_recurrent(*inputs)[0], attempt.gla_chunked(*inputs, chunk_size=4)[0]]

    assert [out.dtype for out in outs] == [dtype] * 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_the_state_is_at_least_float32(attempt, dtype):
    inputs = [x.to(dtype) for x in make_inputs()]
    wide = torch.promote_types(dtype, torch.float32)

    states = [attempt.gla_recurrent(*inputs)[1], attempt.gla_chunked(*inputs, chunk_size=4)[1]]

    assert [state.dtype for state in states] == [wide] * 2


def test_bfloat16_is_computed_in_float32(attempt):
    inputs = [x.bfloat16() for x in make_inputs(T=24)]
    inputs[3] = inputs[3] / 4  # so that 24 tokens back is not forgotten
    expected = by_definition(*(x.double() for x in inputs))[0].bfloat16()
    near = {"rtol": 1.6e-2, "atol": 1e-4, "why": "sums near zero carry float32's rounding"}

    assert_close(attempt.gla_recurrent(*inputs)[0], expected, **near)
    assert_close(attempt.gla_chunked(*inputs, chunk_size=12)[0], expected, **near)


def test_sequences_of_a_batch_do_not_mix(attempt):
    inputs = make_inputs(B=3)

    assert_batch_rows_independent(attempt.gla_recurrent, *inputs)
    assert_batch_rows_independent(attempt.gla_chunked, *inputs, chunk_size=3)


def test_a_second_call_starts_afresh(attempt):
    inputs = make_inputs()
    expected = by_definition(*inputs)
    attempt.gla_chunked(*make_inputs(), chunk_size=4)

    assert_close(attempt.gla_chunked(*inputs, chunk_size=4), expected)


def test_all_is_made_on_the_device_of_q(attempt):
    inputs = make_inputs()

    assert_follows_device(attempt.gla_recurrent, *inputs)
    assert_follows_device(attempt.gla_chunked, *inputs, chunk_size=3)


@pytest.mark.parametrize("chunk_size", [0, -2])
def test_rejects_chunks_below_one(attempt, chunk_size):
    with pytest.raises(ValueError):
        attempt.gla_chunked(*make_inputs(), chunk_size=chunk_size)


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 2 heads of 32, chunks of 16, in float32."""
    inputs = [x.float().to(device) for x in make_inputs(1, 2, size, 32, 32)]
    return lambda: attempt.gla_chunked(*inputs, chunk_size=16)


bench.sizes = (64, 256, 1024)
