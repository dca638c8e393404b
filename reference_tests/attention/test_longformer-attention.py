"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_follows_device,
    assert_padding_changes_nothing,
    assert_same_gradients,
    flops,
    largest_intermediate,
)

NAMES = ("q", "k", "v", "q_global", "k_global", "v_global")
SIZES = [
    pytest.param(12, 4, id="window-divides"),
    pytest.param(11, 4, id="window-does-not-divide"),
    pytest.param(13, 6, id="wide-window"),
    pytest.param(9, 2, id="narrow-window"),
    pytest.param(8, 8, id="window-as-long-as-all"),
    pytest.param(5, 20, id="window-beyond-all"),
]


def make_inputs(B=2, H=3, T=11, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    widths = (D, D, D_v, D, D, D_v)
    return [torch.randn(B, T, H, width, dtype=dtype).transpose(1, 2) for width in widths]


def mark(T, *places):
    """A row for each sequence, True at its places."""
    marks = torch.zeros(len(places), T, dtype=torch.bool)
    for row, own in zip(marks, places, strict=True):
        row[list(own)] = True
    return marks


def by_torch(q, k, v, q_global, k_global, v_global, is_global, window, *, mask=None):
    """torch's attention twice, with masks that are written from their definition."""
    T = q.shape[2]
    token = torch.ones_like(is_global) if mask is None else mask
    is_global = is_global & token
    near = torch.tensor([[abs(i - j) <= window // 2 for j in range(T)] for i in range(T)])
    seen = (near | is_global[:, None]) & token[:, None]  # (B, T, T)
    # padding may see anything: its rows are cleared
    seen, every = seen | ~token[..., None], token[:, None] | ~token[..., None]
    local = scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None])
    whole = scaled_dot_product_attention(q_global, k_global, v_global, attn_mask=every[:, None])
    out = torch.where(is_global[:, None, :, None], whole, local)
    return out.masked_fill(~token[:, None, :, None], 0.0)


@pytest.mark.parametrize("T, window", SIZES)
def test_matches_torch(attempt, T, window):
    inputs, marks = make_inputs(T=T), mark(T, [0, T - 2], [T // 2, T - 1])
    expected = by_torch(*inputs, marks, window)

    assert_close(attempt.longformer_attention(*inputs, marks, window), expected)


@pytest.mark.parametrize("T, window", SIZES)
def test_without_global_tokens_each_sees_its_window(attempt, T, window):
    inputs, marks = make_inputs(T=T), mark(T, [], [])
    expected = by_torch(*inputs, marks, window)

    assert_close(attempt.longformer_attention(*inputs, marks, window), expected)


def averages(attempt, values, places, window, *, mask=None):
    """What the tokens of one sequence read with zero queries: the mean of what they see."""
    T = len(values)
    v = torch.tensor(values, dtype=torch.float64)[None, None, :, None]
    q, k = torch.zeros(2, 1, 1, T, 4, dtype=torch.float64)
    inputs = (q, torch.randn_like(k), v, q, torch.randn_like(k), v)
    marks = mark(T, places)
    return attempt.longformer_attention(*inputs, marks, window, mask=mask)[0, 0, :, 0]


def test_a_window_of_two_sees_one_token_on_each_side(attempt):
    expected = torch.tensor([3 / 2, 7 / 3, 14 / 3, 28 / 3, 24 / 2], dtype=torch.float64)

    read = averages(attempt, [1.0, 2.0, 4.0, 8.0, 16.0], [], 2)

    assert_close(read, expected, label="what the five tokens read")


def test_a_global_token_in_the_window_counts_once(attempt):
    # token 1 is global: tokens 0 and 2 see it in their windows, token 4 only because it is
    expected = torch.tensor([3 / 2, 31 / 5, 14 / 3, 30 / 4, 26 / 3], dtype=torch.float64)

    read = averages(attempt, [1.0, 2.0, 4.0, 8.0, 16.0], [1], 2)

    assert_close(read, expected, label="what the five tokens read")


def test_padding_keeps_its_place(attempt):
    # tokens 1 and 3 are not neighbours, though only padding lies between them
    mask = torch.tensor([[True, True, False, True, True]])
    expected = torch.tensor([3 / 2, 3 / 2, 0, 24 / 2, 24 / 2], dtype=torch.float64)

    read = averages(attempt, [1.0, 2.0, 4.0, 8.0, 16.0], [], 2, mask=mask)

    assert_close(read, expected, label="what the five tokens read")


def test_global_tokens_read_everything_through_the_global_projections(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 7], [2, 7])
    expected = scaled_dot_product_attention(*inputs[3:])[:, :, [2, 7]]

    out = attempt.longformer_attention(*inputs, marks, 4)[:, :, [2, 7]]

    assert_close(out, expected, label="the rows of global tokens")


def test_local_tokens_read_global_ones_through_q_k_and_v(attempt):
    inputs, marks = make_inputs(), mark(11, [0], [0])
    q, k, v = (x[:, :, [0, 6, 7, 8, 9, 10]] for x in inputs[:3])
    expected = scaled_dot_product_attention(q, k, v)[:, :, 3]  # token 8 sees 0 and 6 to 10

    out = attempt.longformer_attention(*inputs, marks, 4)[:, :, 8]

    assert_close(out, expected, label="the row of token 8")


@pytest.mark.parametrize(
    "places",
    [([4], [0, 5, 9]), ([], [3, 4]), ([10, 0, 3], [])],
    ids=["one-and-three", "none-and-two", "three-and-none"],
)
def test_sequences_may_have_different_numbers_of_global_tokens(attempt, places):
    inputs, marks = make_inputs(), mark(11, *places)
    expected = by_torch(*inputs, marks, 4)

    assert_close(attempt.longformer_attention(*inputs, marks, 4), expected)


def test_all_tokens_may_be_global(attempt):
    inputs = make_inputs()
    expected = scaled_dot_product_attention(*inputs[3:])

    out = attempt.longformer_attention(*inputs, mark(11, range(11), range(11)), 4)

    assert_close(out, expected)


def test_one_token_reads_itself(attempt):
    inputs = make_inputs(T=1)
    expected = torch.stack([inputs[5][0], inputs[2][1]])

    assert_close(attempt.longformer_attention(*inputs, mark(1, [0], []), 2), expected)


MASK = ~mark(11, [0, 4, 5], [2, 8, 9, 10])


@pytest.mark.parametrize("window", [2, 6])
def test_padding_has_no_effect(attempt, window):
    inputs, marks = make_inputs(), mark(11, [2, 7], [0])
    expected = by_torch(*inputs, marks, window, mask=MASK)

    assert_padding_changes_nothing(
        lambda *inputs: attempt.longformer_attention(*inputs, marks, window, mask=MASK),
        *inputs,
        real=MASK[:, None].expand(-1, 3, -1),
        padded=range(6),
        fill=(0.0, 30.0, -1000.0, 1e30),
        expected=expected,
    )


def test_rows_of_padding_are_zeros(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 7], [0])
    expected = by_torch(*inputs, marks, 4, mask=MASK)

    assert_close(attempt.longformer_attention(*inputs, marks, 4, mask=MASK), expected)


def test_padding_is_never_global(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 4, 7], [0, 9])
    expected = by_torch(*inputs, marks, 4, mask=MASK)

    assert_close(attempt.longformer_attention(*inputs, marks, 4, mask=MASK), expected)


def test_a_mask_without_padding_changes_nothing(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 7], [0])
    expected = by_torch(*inputs, marks, 4)

    out = attempt.longformer_attention(*inputs, marks, 4, mask=torch.ones_like(marks))

    assert_close(out, expected)


@pytest.mark.parametrize(
    "T, window, mask",
    [(11, 4, None), (11, 4, MASK), (6, 10, None)],
    ids=["no-padding", "padding", "wide"],
)
def test_gradients_match_torch(attempt, T, window, mask):
    inputs, marks = make_inputs(T=T), mark(T, [2, T - 1], [1])

    assert_same_gradients(
        lambda *inputs: attempt.longformer_attention(*inputs, marks, window, mask=mask),
        lambda *inputs: by_torch(*inputs, marks, window, mask=mask),
        *inputs,
        names=NAMES,
    )


@pytest.mark.parametrize("places", [[], [3]], ids=["no-global", "global-at-padding"])
def test_a_sequence_of_padding_only_passes_back_zeros(attempt, places):
    inputs, marks, mask = make_inputs(), mark(11, [2, 7], places), MASK.clone()
    mask[1] = False

    assert_same_gradients(
        lambda *inputs: attempt.longformer_attention(*inputs, marks, 4, mask=mask),
        lambda *inputs: by_torch(*inputs, marks, 4, mask=mask),
        *inputs,
        names=NAMES,
    )


def test_padding_far_from_any_token_passes_back_zeros(attempt):
    # beside a sequence with global tokens, one without: from 4 on its padding sees padding only
    inputs, marks = make_inputs(), mark(11, [2, 7], [])
    mask = ~mark(11, [], range(3, 11))

    assert_same_gradients(
        lambda *inputs: attempt.longformer_attention(*inputs, marks, 2, mask=mask),
        lambda *inputs: by_torch(*inputs, marks, 2, mask=mask),
        *inputs,
        names=NAMES,
    )


def test_sequences_of_a_batch_do_not_mix(attempt):
    marks = mark(11, [2, 7], [0, 3, 4], [])
    mask = torch.cat([MASK, MASK[:1]])

    assert_batch_rows_independent(
        lambda *args: attempt.longformer_attention(*args[:7], 4, mask=args[7]),
        *make_inputs(B=3),
        marks,
        mask,
    )


@pytest.mark.parametrize("T, window", [(256, 4), (150, 16)], ids=["256-by-4", "150-by-16"])
def test_a_long_sequence_matches_torch(attempt, T, window):
    inputs, marks = make_inputs(B=1, H=1, T=T), mark(T, [0, 90])
    expected = by_torch(*inputs, marks, window)

    assert_close(attempt.longformer_attention(*inputs, marks, window), expected)


@pytest.mark.parametrize("places", [[], [0, 200]], ids=["no-global", "two-global"])
def test_memory_is_linear_in_the_length(attempt, places):
    inputs, marks = make_inputs(B=1, H=2, T=320, D=4, D_v=4), mark(320, places)
    limit = 2 * 2 * (320 + 4) * (4 + 1 + len(places)) * 4

    made = largest_intermediate(attempt.longformer_attention, *inputs, marks, 4)

    assert made <= limit


@pytest.mark.parametrize("places", [[], [0, 200]], ids=["no-global", "two-global"])
def test_work_is_linear_in_the_length(attempt, places):
    inputs, marks = make_inputs(B=1, H=2, T=320, D=4, D_v=4), mark(320, places)
    limit = 16 * 2 * (320 + 4) * (4 + 1 + len(places)) * (4 + 4)

    assert flops(attempt.longformer_attention, *inputs, marks, 4) <= limit


def test_scores_in_the_thousands_do_not_overflow(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 7], [0])
    inputs = [x * 50 if i % 3 < 2 else x for i, x in enumerate(inputs)]
    expected = by_torch(*inputs, marks, 4, mask=MASK)

    assert_close(attempt.longformer_attention(*inputs, marks, 4, mask=MASK), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 7], [0])
    for queries, keys in (inputs[:2], inputs[3:5]):
        queries[..., 0], keys[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    expected = by_torch(*inputs, marks, 4, mask=MASK)

    assert_close(attempt.longformer_attention(*inputs, marks, 4, mask=MASK), expected)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_q(attempt, dtype):
    inputs = make_inputs(dtype=dtype)

    assert attempt.longformer_attention(*inputs, mark(11, [2], []), 4).dtype == dtype


def test_bfloat16_is_computed_in_float32(attempt):
    inputs = make_inputs(T=20, D=48, D_v=32, dtype=torch.bfloat16)
    # scores of about 8, where bfloat16 is spaced 1/16 apart
    inputs[0], inputs[3] = inputs[0] * 8, inputs[3] * 8
    marks = mark(20, [3, 12, 19], [0])
    expected = by_torch(*(x.double() for x in inputs), marks, 6).bfloat16()

    assert_close(
        attempt.longformer_attention(*inputs, marks, 6),
        expected,
        rtol=1.6e-2,
        atol=1e-4,
        why="sums near zero carry float32's rounding",
    )


def test_a_second_call_gives_the_same(attempt):
    inputs, marks = make_inputs(), mark(11, [2, 7], [0])
    expected = by_torch(*inputs, marks, 4)
    attempt.longformer_attention(*make_inputs(T=7), mark(7, [1], [2, 3]), 6)

    assert_close(attempt.longformer_attention(*inputs, marks, 4), expected)


def test_all_is_made_on_the_device_of_q(attempt):
    marks = mark(11, [2, 7], [0])

    assert_follows_device(attempt.longformer_attention, *make_inputs(), marks, 4, mask=MASK)


@pytest.mark.parametrize("window", [0, 3, -2], ids=["zero", "odd", "negative"])
def test_rejects_a_window_that_is_odd_or_below_two(attempt, window):
    with pytest.raises(ValueError):
        attempt.longformer_attention(*make_inputs(), mark(11, [2, 7], [0]), window)


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 heads of 32, a window of 32, 2 global tokens, float32."""
    inputs = [x.to(device) for x in make_inputs(1, 4, size, 32, 32, torch.float32)]
    marks = mark(size, [0, size // 2]).to(device)
    return lambda: attempt.longformer_attention(*inputs, marks, 32)


bench.sizes = (64, 256, 1024)
