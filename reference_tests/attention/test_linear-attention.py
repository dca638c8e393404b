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
    flops,
    largest_intermediate,
)

NAMES = ("q", "k", "v")
SIZES = [
    pytest.param((2, 3, 10, 8, 5), id="more-keys-than-values"),
    pytest.param((2, 3, 8, 4, 9), id="more-values-than-keys"),
    pytest.param((3, 2, 4, 4, 4), id="all-alike"),
    pytest.param((2, 2, 1, 6, 3), id="one-token"),
]


def make_qkv(B=2, H=3, T=10, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (B, T, H, D), (B, T, H, D), (B, T, H, D_v)
    return [torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes]


def phi(x):
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())


def by_definition(q, k, v):
    """Token by token, from the two sums."""
    f_q, f_k = phi(q), phi(k)
    outs = []
    for i in range(q.shape[2]):
        weights = (f_q[:, :, i : i + 1] * f_k[:, :, : i + 1]).sum(-1)  # (B, H, i + 1)
        weighed = (weights[..., None] * v[:, :, : i + 1]).sum(2)
        outs.append(weighed / weights.sum(-1, keepdim=True))
    return torch.stack(outs, dim=2)


def state_of(k, v):
    return torch.einsum("bhtd,bhte->bhde", phi(k), v), phi(k).sum(2)


def in_steps(attempt, q, k, v):
    state, outs = None, []
    for t in range(q.shape[2]):
        out, state = attempt.linear_attention_step(q[:, :, t], k[:, :, t], v[:, :, t], state)
        outs.append(out)
    return torch.stack(outs, dim=2), state


def outputs_of(attempt, form):
    """One of the three forms as a function of q, k and v, without its state."""
    forms = {
        "parallel": attempt.linear_attention_parallel,
        "chunked": lambda *qkv: attempt.linear_attention_chunked(*qkv, chunk_size=3)[0],
        "steps": lambda *qkv: in_steps(attempt, *qkv)[0],
    }
    return forms[form]


@pytest.mark.parametrize("sizes", SIZES)
def test_parallel_matches_the_definition(attempt, sizes):
    qkv = make_qkv(*sizes)
    expected = by_definition(*qkv)

    assert_close(attempt.linear_attention_parallel(*qkv), expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_chunked_matches_the_definition(attempt, sizes):
    q, k, v = make_qkv(*sizes)
    expected = by_definition(q, k, v), state_of(k, v)

    assert_close(attempt.linear_attention_chunked(q, k, v, chunk_size=3), expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_steps_match_the_definition(attempt, sizes):
    q, k, v = make_qkv(*sizes)
    expected = by_definition(q, k, v), state_of(k, v)

    assert_close(in_steps(attempt, q, k, v), expected)


def test_a_case_worked_out_by_hand(attempt):
    # phi(0) = 1, phi(1) = 2: token 1 weighs the values 12 and 0 as 1 to 2
    q = torch.zeros(1, 1, 2, 1, dtype=torch.float64)
    k = torch.tensor([[[[0.0], [1.0]]]], dtype=torch.float64)
    v = torch.tensor([[[[12.0], [0.0]]]], dtype=torch.float64)
    out = torch.tensor([[[[12.0], [4.0]]]], dtype=torch.float64)
    S = torch.tensor([[[[12.0]]]], dtype=torch.float64)
    z = torch.tensor([[[3.0]]], dtype=torch.float64)

    assert_close(attempt.linear_attention_parallel(q, k, v), out)
    assert_close(attempt.linear_attention_chunked(q, k, v, chunk_size=1), (out, (S, z)))
    assert_close(in_steps(attempt, q, k, v), (out, (S, z)))


def test_any_size_of_chunks_gives_the_same(attempt):
    q, k, v = make_qkv()
    expected = by_definition(q, k, v), state_of(k, v)

    assert_chunks_agree(
        lambda size: attempt.linear_attention_chunked(q, k, v, chunk_size=size),
        (1, 2, 3, 5, 7, 10, 64),
        expected=expected,
    )


@pytest.mark.parametrize("pieces", [(4, 6), (1, 8, 1), (7, 2, 1)], ids=str)
def test_a_text_in_pieces_gives_what_it_gives_at_once(attempt, pieces):
    q, k, v = make_qkv()
    expected = by_definition(q, k, v)

    def step(x, state):
        parts = x.split((8, 8, 5), dim=-1)
        return attempt.linear_attention_chunked(*parts, chunk_size=3, state=state)

    x = torch.cat([q, k, v], dim=-1)
    assert_cache_equals_full(step, x, pieces=pieces, dim=2, expected=expected)


def test_steps_go_on_where_chunks_ended(attempt):
    q, k, v = make_qkv()
    expected = by_definition(q, k, v)[:, :, 7:]

    _, state = attempt.linear_attention_chunked(
        *(x[:, :, :7] for x in (q, k, v)), chunk_size=4, state=None
    )
    outs = []
    for t in range(7, 10):
        out, state = attempt.linear_attention_step(q[:, :, t], k[:, :, t], v[:, :, t], state)
        outs.append(out)

    assert_close(torch.stack(outs, dim=2), expected)


def test_one_state_serves_two_continuations(attempt):
    q, k, v = make_qkv()
    other = [torch.cat([x[:, :, :6], torch.randn_like(x[:, :, 6:])], dim=2) for x in (q, k, v)]
    expected = by_definition(q, k, v)[:, :, 6:], by_definition(*other)[:, :, 6]

    _, state = attempt.linear_attention_chunked(
        *(x[:, :, :6] for x in (q, k, v)), chunk_size=4, state=None
    )
    first, _ = attempt.linear_attention_chunked(
        *(x[:, :, 6:] for x in (q, k, v)), chunk_size=4, state=state
    )
    second, _ = attempt.linear_attention_step(*(x[:, :, 6] for x in other), state)

    assert_close((first, second), expected)


def test_small_features_are_normalised_exactly(attempt):
    # features of about exp(-8), so denominators of about 1e-6
    q, k, v = make_qkv()
    q, k = q * 0.2 - 8, k * 0.2 - 8
    # elu(x) + 1 loses digits there, as exp(x) does not
    loose = {"rtol": 1e-6, "atol": 1e-6, "why": "elu(-8) + 1 keeps 13 of 16 digits"}
    expected = by_definition(q, k, v)

    assert_close(attempt.linear_attention_parallel(q, k, v), expected, **loose)
    out, _ = attempt.linear_attention_chunked(q, k, v, chunk_size=4)
    assert_close(out, expected, **loose)
    assert_close(in_steps(attempt, q, k, v)[0], expected, **loose)


def test_work_and_memory_grow_with_the_length_alone(attempt):
    short, long = (make_qkv(B=1, H=2, T=T, D=16, D_v=16) for T in (64, 128))

    def run(qkv):
        return attempt.linear_attention_chunked(*qkv, chunk_size=8)

    made = [largest_intermediate(run, qkv) for qkv in (short, long)]
    work = [flops(run, qkv) for qkv in (short, long)]

    # all scores; a state for each token would be twice as much
    assert made[1] < 2 * 128 * 128
    # nor those of the shorter one, as a chunk of 64 would make
    assert made[0] < 2 * 64 * 64
    # twice as long: twice the work, and not four times
    assert work[1] <= 3 * work[0]


@pytest.mark.parametrize("form", ["parallel", "chunked", "steps"])
def test_gradients_match_the_definition(attempt, form):
    run, qkv = outputs_of(attempt, form), make_qkv(T=7)

    assert_same_gradients(run, by_definition, *qkv, names=NAMES)


@pytest.mark.parametrize("form", ["parallel", "chunked", "steps"])
def test_gradients_are_finite_where_exp_would_overflow(attempt, form):
    run, (q, k, v) = outputs_of(attempt, form), make_qkv(T=7)
    q[:, :, 4, 0], k[:, :, 2, 1] = 800.0, 800.0  # exp(800) is inf in float64

    assert_same_gradients(run, by_definition, q, k, v, names=NAMES)


def test_gradients_flow_through_the_state(attempt):
    q, k, v = make_qkv(T=7)

    def in_pieces(q, k, v):
        first, last = ([x[:, :, part] for x in (q, k, v)] for part in (slice(4), slice(4, None)))
        out, state = attempt.linear_attention_chunked(*first, chunk_size=3)
        rest, state = attempt.linear_attention_chunked(*last, chunk_size=3, state=state)
        return torch.cat([out, rest], dim=2), state[0], state[1]

    assert_same_gradients(
        in_pieces, lambda q, k, v: (by_definition(q, k, v), *state_of(k, v)), q, k, v, names=NAMES
    )


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_out_has_the_dtype_of_q(attempt, dtype):
    qkv = make_qkv(dtype=dtype)

    outs = [
        attempt.linear_attention_parallel(*qkv),
        attempt.linear_attention_chunked(*qkv, chunk_size=4)[0],
        attempt.linear_attention_step(*(x[:, :, 0] for x in qkv))[0],
    ]

    assert [out.dtype for out in outs] == [dtype] * 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_states_are_at_least_float32(attempt, dtype):
    qkv = make_qkv(dtype=dtype)
    wide = torch.promote_types(dtype, torch.float32)

    _, (S, z) = attempt.linear_attention_chunked(*qkv, chunk_size=4)
    _, (S_step, z_step) = attempt.linear_attention_step(*(x[:, :, 0] for x in qkv))

    assert [x.dtype for x in (S, z, S_step, z_step)] == [wide] * 4


def test_states_sum_unrounded_features(attempt):
    q, k, v = make_qkv(dtype=torch.bfloat16)
    expected = tuple(x.float() for x in state_of(k.double(), v.double()))
    near = {"rtol": 1e-4, "atol": 1e-4, "why": "float32 sums"}

    assert_close(attempt.linear_attention_chunked(q, k, v, chunk_size=4)[1], expected, **near)
    assert_close(in_steps(attempt, q, k, v)[1], expected, **near)


def test_bfloat16_is_computed_in_float32(attempt):
    q, k, v = make_qkv(T=40, D=16, dtype=torch.bfloat16)
    # some features are near exp(-6)
    q, k = q * 2 - 3, k * 2 - 3
    expected = by_definition(q.double(), k.double(), v.double()).bfloat16()
    near = {"rtol": 1.6e-2, "atol": 1e-3, "why": "elu(-6) + 1 keeps 4 digits in float32"}

    assert_close(attempt.linear_attention_parallel(q, k, v), expected, **near)
    assert_close(attempt.linear_attention_chunked(q, k, v, chunk_size=8)[0], expected, **near)
    assert_close(in_steps(attempt, q, k, v)[0], expected, **near)


def test_sequences_of_a_batch_do_not_mix(attempt):
    qkv = make_qkv(B=3)

    assert_batch_rows_independent(attempt.linear_attention_parallel, *qkv)
    assert_batch_rows_independent(attempt.linear_attention_chunked, *qkv, chunk_size=3)


def test_a_second_call_starts_afresh(attempt):
    q, k, v = make_qkv()
    expected = by_definition(q, k, v)
    attempt.linear_attention_chunked(*make_qkv(), chunk_size=4)

    assert_close(attempt.linear_attention_chunked(q, k, v, chunk_size=4)[0], expected)


def test_all_is_made_on_the_device_of_q(attempt):
    qkv = make_qkv()

    assert_follows_device(attempt.linear_attention_parallel, *qkv)
    assert_follows_device(attempt.linear_attention_chunked, *qkv, chunk_size=3)
    assert_follows_device(attempt.linear_attention_step, *(x[:, :, 0] for x in qkv))


@pytest.mark.parametrize("chunk_size", [0, -2])
def test_rejects_chunks_below_one(attempt, chunk_size):
    with pytest.raises(ValueError):
        attempt.linear_attention_chunked(*make_qkv(), chunk_size=chunk_size)


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 heads of 64, chunks of 64, in float32."""
    q, k, v = (x.to(device) for x in make_qkv(1, 4, size, 64, 64, torch.float32))
    return lambda: attempt.linear_attention_chunked(q, k, v, chunk_size=64)


bench.sizes = (64, 256, 1024)
