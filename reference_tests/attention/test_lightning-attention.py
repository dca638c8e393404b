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

NAMES = ("q", "k", "v", "state")
SIZES = [
    pytest.param((2, 3, 10, 8, 5), id="more-keys-than-values"),
    pytest.param((2, 3, 8, 4, 9), id="more-values-than-keys"),
    pytest.param((3, 4, 4, 4, 4), id="all-alike"),
    pytest.param((2, 2, 1, 6, 3), id="one-token"),
]


def make_inputs(B=2, H=3, T=10, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (B, T, H, D), (B, T, H, D), (B, T, H, D_v)
    q, k, v = (torch.randn(shape, dtype=dtype).transpose(1, 2) for shape in shapes)
    # each head its own, from 0.1 to 0.7
    slope = 0.1 + 0.6 * torch.arange(H, dtype=torch.float64) / H
    return q, k, v, slope


def make_state(B=2, H=3, D=8, D_v=5):
    return torch.randn(B, H, D, D_v, dtype=torch.float64)


def by_definition(q, k, v, slope, state=None):
    """Every pair of tokens by its distance, and the state as what came before token 0."""
    T = q.shape[2]
    t = torch.arange(T, dtype=torch.float64)
    rate = slope[:, None, None]
    fade = torch.where(t[:, None] >= t, torch.exp(-rate * (t[:, None] - t).clamp(min=0)), 0.0)
    out = torch.einsum("bhid,bhjd,hij,bhje->bhie", q, k, fade, v)
    end = torch.einsum("bhjd,hj,bhje->bhde", k, fade[:, -1], v)
    if state is not None:
        out = out + torch.exp(-rate * (t[:, None] + 1)) * (q @ state)
        end = end + torch.exp(-rate * T) * state
    return out, end


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_the_definition(attempt, sizes):
    inputs = make_inputs(*sizes)
    expected = by_definition(*inputs)

    assert_close(attempt.lightning_attention(*inputs, block_size=4), expected)


def test_any_size_of_blocks_gives_the_same(attempt):
    inputs = make_inputs()
    expected = by_definition(*inputs)

    assert_chunks_agree(
        lambda size: attempt.lightning_attention(*inputs, block_size=size),
        (1, 2, 5, 10),
        expected=expected,
    )


@pytest.mark.parametrize("block_size", [3, 4, 7, 64])
def test_the_state_after_a_short_last_block_is_right(attempt, block_size):
    inputs, state = make_inputs(), make_state()
    expected = by_definition(*inputs, state)

    result = attempt.lightning_attention(*inputs, block_size=block_size, state=state)

    assert_close(result, expected)


def test_the_default_block_serves_long_texts(attempt):
    inputs = make_inputs(B=1, H=2, T=300, D=2, D_v=2)
    inputs = *inputs[:3], inputs[3] / 50
    expected = by_definition(*inputs)

    assert_close(attempt.lightning_attention(*inputs), expected)


@pytest.mark.parametrize("pieces", [(4, 6), (1, 8, 1), (7, 2, 1)], ids=str)
def test_a_text_in_pieces_gives_what_it_gives_at_once(attempt, pieces):
    q, k, v, slope = make_inputs()
    expected, _ = by_definition(q, k, v, slope)

    def step(x, state):
        parts = x.split((8, 8, 5), dim=-1)
        return attempt.lightning_attention(*parts, slope, block_size=3, state=state)

    x = torch.cat([q, k, v], dim=-1)
    assert_cache_equals_full(step, x, pieces=pieces, dim=2, expected=expected)


def test_a_case_worked_out_by_hand(attempt):
    # every token halves: 12, 12 / 2 + 4, 10 / 2 + 1, times queries of 2
    double = {"dtype": torch.float64}
    q, k = torch.full((1, 1, 3, 1), 2.0, **double), torch.ones(1, 1, 3, 1, **double)
    v = torch.tensor([[[[12.0], [4.0], [1.0]]]], **double)
    slope = torch.tensor([2.0], **double).log()
    out = torch.tensor([[[[24.0], [20.0], [12.0]]]], **double)
    expected = out, torch.tensor([[[[6.0]]]], **double)

    for size in (1, 2, 3):
        assert_close(attempt.lightning_attention(q, k, v, slope, block_size=size), expected)


def test_each_head_has_its_own_slope(attempt):
    q, k, v, _ = make_inputs()
    slope = torch.tensor([0.9, 0.0, 0.3], dtype=torch.float64)
    expected = [
        by_definition(*(x[:, h : h + 1] for x in (q, k, v)), slope[h : h + 1])[0] for h in range(3)
    ]

    out, _ = attempt.lightning_attention(q, k, v, slope, block_size=4)

    assert_close(out, torch.cat(expected, dim=1))


def test_a_slope_of_zero_forgets_nothing(attempt):
    q, k, v, slope = make_inputs()
    expected = (q @ k.mT).tril() @ v, k.mT @ v

    result = attempt.lightning_attention(q, k, v, torch.zeros_like(slope), block_size=4)

    assert_close(result, expected)


def test_steep_slopes_do_not_overflow(attempt):
    q, k, v, _ = make_inputs(B=1, T=150, D=4, D_v=4)
    slope = torch.tensor([8.0, 20.0, 0.01], dtype=torch.float64)
    expected = by_definition(q, k, v, slope)

    assert_close(attempt.lightning_attention(q, k, v, slope, block_size=128), expected)


def test_work_and_memory_grow_with_the_length_alone(attempt):
    short, long = (make_inputs(B=1, H=2, T=T, D=16, D_v=16) for T in (64, 128))

    def run(inputs):
        return attempt.lightning_attention(*inputs, block_size=8)

    made = [largest_intermediate(run, inputs) for inputs in (short, long)]
    work = [flops(run, inputs) for inputs in (short, long)]

    # all weights; a state for each token would be twice as much
    assert made[1] < 2 * 128 * 128
    # nor those of the shorter one, as a block of 64 would make
    assert made[0] < 2 * 64 * 64
    # twice as long: twice the work, and not four times
    assert work[1] <= 3 * work[0]


@pytest.mark.parametrize("block_size", [1, 3, 16])
def test_gradients_match_the_definition(attempt, block_size):
    q, k, v, slope = make_inputs(T=7)

    assert_same_gradients(
        lambda q, k, v, state: attempt.lightning_attention(
            q, k, v, slope, block_size=block_size, state=state
        ),
        lambda q, k, v, state: by_definition(q, k, v, slope, state),
        *(q, k, v, make_state()),
        names=NAMES,
    )


def test_one_state_serves_two_continuations(attempt):
    inputs, other, state = make_inputs(), make_inputs(), make_state()
    expected = by_definition(*inputs, state)[0], by_definition(*other, state)[0]

    first, _ = attempt.lightning_attention(*inputs, block_size=4, state=state)
    second, _ = attempt.lightning_attention(*other, block_size=4, state=state)

    assert_close((first, second), expected)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_out_has_the_dtype_of_q_and_the_state_at_least_float32(attempt, dtype):
    q, k, v, slope = make_inputs(dtype=dtype)

    out, state = attempt.lightning_attention(q, k, v, slope.float(), block_size=4)

    assert [out.dtype, state.dtype] == [dtype, torch.promote_types(dtype, torch.float32)]


@pytest.mark.parametrize(
    "dtype, slope_dtype",
    [(torch.float64, torch.float32), (torch.float32, torch.float64)],
    ids=["narrower", "wider"],
)
def test_slope_may_be_narrower_or_wider_than_q(attempt, dtype, slope_dtype):
    q, k, v, slope = make_inputs(dtype=dtype)
    slope = slope.to(slope_dtype)
    exact = by_definition(*(x.double() for x in (q, k, v, slope)))
    expected = [x.to(dtype) for x in exact]

    result = attempt.lightning_attention(q, k, v, slope, block_size=4)

    if dtype == torch.float64:
        assert_close(result, expected)
    else:
        assert_close(result, expected, rtol=1e-4, atol=1e-4, why="float32 sums")


def test_bfloat16_is_computed_in_float32(attempt):
    q, k, v, slope = make_inputs(T=48, dtype=torch.bfloat16)
    slope = slope.float() / 8
    expected = by_definition(q.double(), k.double(), v.double(), slope.double())[0].bfloat16()

    out, _ = attempt.lightning_attention(q, k, v, slope, block_size=16)

    assert_close(
        out, expected, rtol=1.6e-2, atol=1e-3, why="sums near zero carry float32's rounding"
    )


def test_sequences_of_a_batch_do_not_mix(attempt):
    assert_batch_rows_independent(
        attempt.lightning_attention, *make_inputs(B=3), batched=(0, 1, 2), block_size=4
    )


def test_a_second_call_starts_afresh(attempt):
    inputs = make_inputs()
    expected = by_definition(*inputs)
    attempt.lightning_attention(*make_inputs(), block_size=4)

    assert_close(attempt.lightning_attention(*inputs, block_size=4), expected)


def test_all_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.lightning_attention, *make_inputs(), block_size=4)


@pytest.mark.parametrize("block_size", [0, -2])
def test_rejects_blocks_below_one(attempt, block_size):
    with pytest.raises(ValueError):
        attempt.lightning_attention(*make_inputs(), block_size=block_size)


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 heads of 64, blocks of 64, in float32."""
    q, k, v, slope = (x.to(device) for x in make_inputs(1, 4, size, 64, 64, torch.float32))
    return lambda: attempt.lightning_attention(q, k, v, slope, block_size=64)


bench.sizes = (64, 256, 1024)
