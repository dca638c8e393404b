"""Values are compared in float64, where only logic, not rounding, can differ."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import (
    assert_batch_rows_independent,
    assert_close,
    assert_follows_device,
    assert_same_gradients,
    flops,
    largest_intermediate,
)

NAMES = ("q", "k", "v", "gates")
COMPRESSED, SELECTED, SLIDING = range(3)
SIZES = [
    pytest.param(24, 4, 2, {"block_size": 3, "n_selected": 4, "window": 4}, id="blocks-divide"),
    pytest.param(23, 4, 2, {"block_size": 4, "n_selected": 4, "window": 5}, id="last-block-short"),
    pytest.param(22, 3, 3, {"block_size": 2, "n_selected": 5, "window": 1}, id="multi-head"),
    pytest.param(19, 4, 1, {"block_size": 2, "n_selected": 3, "window": 7}, id="multi-query"),
    pytest.param(20, 2, 1, {"block_size": 1, "n_selected": 6, "window": 3}, id="blocks-of-one"),
    pytest.param(5, 4, 2, {"block_size": 8, "n_selected": 3, "window": 9}, id="block-beyond-all"),
    pytest.param(1, 4, 2, {"block_size": 1, "n_selected": 3, "window": 2}, id="one-token"),
]
SIZE = {"block_size": 3, "n_selected": 4, "window": 5}


def make_inputs(B=2, H=4, G=2, T=23, D=8, D_v=5, dtype=torch.float64):
    # as heads are split off in practice: views that are not contiguous
    shapes = (B, T, H, D), (B, T, G, D), (B, T, G, D_v)
    q, k, v = (torch.randn(shape, dtype=torch.float64).transpose(1, 2) for shape in shapes)
    return [x.to(dtype) for x in (q * 2, k, v, torch.rand(B, H, T, 3, dtype=torch.float64))]


def only(branch, gates):
    """Gates that let one branch through."""
    chosen = torch.zeros_like(gates)
    chosen[..., branch] = 1
    return chosen


def choose(importance, t, block_size, n_selected):
    """The blocks that a query reads, from a list of their importances."""
    own = t // block_size
    always = {0, max(0, own - 1), own}
    others = [j for j in range(own + 1) if j not in always]
    others.sort(key=lambda j: (-importance[j], j))
    return always | set(others[: n_selected - len(always)])


def expect(q, k, v, gates, *, block_size, n_selected, window):
    """Query by query for the first branch and the choice, then torch with dense masks."""
    B, H, T, D = q.shape
    G = k.shape[1]
    k, v = (x.repeat_interleave(H // G, dim=1) for x in (k, v))
    compressed = [torch.zeros(B, H, v.shape[3], dtype=v.dtype)] * T
    seen = torch.zeros(B, H, T, T, dtype=torch.bool)
    for t in range(T):
        n = (t + 1) // block_size
        importance = torch.zeros(B, G, 0)
        if n:
            k_mean, v_mean = (
                torch.stack(
                    [x[:, :, j * block_size :][:, :, :block_size].mean(2) for j in range(n)]
                )
                for x in (k, v)
            )  # (n, B, H, D)
            weights = ((q[:, :, t] * k_mean).sum(-1) / D**0.5).softmax(0)  # (n, B, H)
            compressed[t] = (weights[..., None] * v_mean).sum(0)
            importance = weights.movedim(0, -1).unflatten(1, (G, H // G)).sum(2)
        for b, rows in enumerate(importance.tolist()):
            for g, row in enumerate(rows):
                heads = slice(g * H // G, (g + 1) * H // G)
                for j in choose(row, t, block_size, n_selected):
                    seen[b, heads, t, j * block_size : min((j + 1) * block_size, t + 1)] = True
    near = torch.tensor([[t - window < j <= t for j in range(T)] for t in range(T)])
    branches = (
        torch.stack(compressed, dim=2),
        scaled_dot_product_attention(q, k, v, attn_mask=seen),
        scaled_dot_product_attention(q, k, v, attn_mask=near),
    )
    return sum(branch * gates[..., i, None] for i, branch in enumerate(branches))


@pytest.mark.parametrize("T, H, G, size", SIZES)
def test_matches_dense_masks(attempt, T, H, G, size):
    inputs = make_inputs(H=H, G=G, T=T)
    expected = expect(*inputs, **size)

    assert_close(attempt.native_sparse_attention(*inputs, **size), expected)


@pytest.mark.parametrize(
    "branch", [COMPRESSED, SELECTED, SLIDING], ids=["compressed", "selected", "sliding"]
)
def test_each_branch_alone_is_right(attempt, branch):
    q, k, v, gates = make_inputs()
    inputs = (q, k, v, only(branch, gates))
    expected = expect(*inputs, **SIZE)

    assert_close(attempt.native_sparse_attention(*inputs, **SIZE), expected)


@pytest.mark.parametrize("factor", [-2.0, 3.0])
def test_gates_are_used_as_they_are(attempt, factor):
    q, k, v, gates = make_inputs()
    expected = expect(q, k, v, gates * factor, **SIZE)

    assert_close(attempt.native_sparse_attention(q, k, v, gates * factor, **SIZE), expected)


def test_before_block_0_ends_the_compressed_branch_gives_zeros(attempt):
    q, k, v, gates = make_inputs(T=9)
    gates = gates.clone()
    gates[:, :, :3, 0] = 5
    expected = expect(q, k, v, gates, block_size=4, n_selected=3, window=2)

    out = attempt.native_sparse_attention(q, k, v, gates, block_size=4, n_selected=3, window=2)

    assert_close(out[:, :, :3], expected[:, :, :3], label="queries 0 to 2")


def test_a_block_is_compressed_from_its_last_position_on(attempt):
    # zero queries average the means of all blocks that have ended
    q, k, v, gates = make_inputs(B=1, H=1, G=1, T=7, D_v=1)
    v = torch.tensor([2.0, 6.0, 10.0, 30.0, 64.0, 32.0, 99.0], dtype=torch.float64)
    inputs = (torch.zeros_like(q), k, v[None, None, :, None], only(COMPRESSED, gates))
    expected = torch.tensor([0.0, 4.0, 4.0, 12.0, 12.0, 24.0, 24.0], dtype=torch.float64)

    out = attempt.native_sparse_attention(*inputs, block_size=2, n_selected=3, window=1)

    assert_close(out[0, 0, :, 0], expected, label="what the seven queries read")


def read_blocks(attempt, scores, n_selected, *, forced=0.0):
    """Which of seven blocks of two keys the last query of each head selects.

    Scores are those of block 1 to 4, per head of a group; blocks 0 and 5 score `forced`,
    and the last one is cut short by the query.
    """
    H = len(scores)
    q = torch.zeros(1, H, 13, 4, dtype=torch.float64)
    k = torch.zeros(1, 1, 13, 4, dtype=torch.float64)
    # head h asks with a unit vector; that channel of a block's keys is its score
    for h, row in enumerate(scores):
        q[0, h, :, h] = 2.0
        for j, score in enumerate([forced, *row, forced]):
            k[0, 0, 2 * j : 2 * j + 2, h] = score
    v = torch.eye(7, dtype=torch.float64).repeat_interleave(2, 0)[None, None, :13]
    gates = only(SELECTED, torch.zeros(1, H, 13, 3, dtype=torch.float64))
    size = {"block_size": 2, "n_selected": n_selected, "window": 1}
    out = attempt.native_sparse_attention(q, k, v, gates, **size)
    assert tuple(out.shape) == (1, H, 13, 7)
    # what is read to 1 in a million or more; a forced block of score -8 still is
    return (out[0, :, -1] > 1e-6).double()


def blocks(*rows):
    chosen = torch.zeros(len(rows), 7, dtype=torch.float64)
    for row, own in zip(chosen, rows, strict=True):
        row[list(own)] = 1
    return chosen


def test_reads_the_most_important_blocks(attempt):
    read = read_blocks(attempt, [[1.0, 3.0, 0.5, 2.0]], 5)

    assert_close(read, blocks([0, 2, 4, 5, 6]), label="the blocks that are read")


def test_the_first_block_and_the_last_two_are_always_read(attempt):
    read = read_blocks(attempt, [[1.0, 3.0, 0.5, 2.0]], 4, forced=-8.0)

    assert_close(read, blocks([0, 2, 5, 6]), label="the blocks that are read")


def test_blocks_that_are_always_read_count(attempt):
    read = read_blocks(attempt, [[1.0, 3.0, 0.5, 2.0]], 3)

    assert_close(read, blocks([0, 5, 6]), label="the blocks that are read")


@pytest.mark.parametrize("n_selected, own", [(4, [1]), (5, [1, 2]), (6, [1, 2, 3])], ids=str)
def test_of_equally_important_blocks_the_earlier_is_read(attempt, n_selected, own):
    read = read_blocks(attempt, [[1.0, 1.0, 1.0, 1.0]], n_selected)

    assert_close(read, blocks([0, *own, 5, 6]), label="the blocks that are read")


def test_of_many_equally_important_blocks_the_earliest_are_read(attempt):
    # zero queries average what they see: blocks 0 to 7, 48 and 49
    q, k, v, gates = make_inputs(B=1, H=2, G=1, T=100)
    inputs = (torch.zeros_like(q), k, v, only(SELECTED, gates))
    expected = torch.cat([v[:, :, :16], v[:, :, 96:]], dim=2).mean(dim=2).expand(1, 2, -1)[0]

    out = attempt.native_sparse_attention(*inputs, block_size=2, n_selected=10, window=1)

    assert_close(out[0, :, -1], expected, label="what the last query reads")


def test_the_heads_of_a_group_read_the_same_blocks(attempt):
    # head 0 prefers block 1, head 1 block 4
    read = read_blocks(attempt, [[2.0, 0.0, 0.0, 1.5], [0.0, 0.0, 0.0, 2.0]], 4)

    assert_close(read, blocks([0, 4, 5, 6], [0, 4, 5, 6]), label="the blocks that are read")


def test_importance_sums_weights_not_scores(attempt):
    # one head's 6 is more than 2.5 + 2.5, but no head gives a block more than 1
    scores = [[0.0, 6.0, 0.0, 0.0], [2.5, 0.0, 0.0, 0.0], [2.5, 0.0, 0.0, 0.0]]
    read = read_blocks(attempt, scores, 4)

    assert_close(read, blocks(*[[0, 1, 5, 6]] * 3), label="the blocks that are read")


def test_importance_is_the_sum_over_the_heads_not_the_largest(attempt):
    # block 2 has the largest weight of all, block 1 the largest sum
    scores = [[0.0, 3.0, 0.0, 0.0], [2.5, 0.0, 0.0, 0.0], [2.5, 0.0, 0.0, 0.0]]
    read = read_blocks(attempt, scores, 4)

    assert_close(read, blocks(*[[0, 1, 5, 6]] * 3), label="the blocks that are read")


def test_with_blocks_for_all_the_selected_branch_is_causal_attention(attempt):
    q, k, v, gates = make_inputs(T=14)
    gates = only(SELECTED, gates)
    expected = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    out = attempt.native_sparse_attention(q, k, v, gates, block_size=3, n_selected=50, window=2)

    assert_close(out, expected)


@pytest.mark.parametrize("window", [1, 4, 14, 50])
def test_the_window_counts_its_own_key(attempt, window):
    q, k, v, gates = make_inputs(T=14)
    near = torch.ones(14, 14, dtype=torch.bool).tril().triu(1 - window)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=near, enable_gqa=True)

    out = attempt.native_sparse_attention(
        q, k, v, only(SLIDING, gates), block_size=3, n_selected=3, window=window
    )

    assert_close(out, expected)


@pytest.mark.parametrize(
    "branch", [COMPRESSED, SELECTED, SLIDING], ids=["compressed", "selected", "sliding"]
)
def test_no_branch_sees_a_later_key(attempt, branch):
    q, k, v, gates = make_inputs()
    gates = only(branch, gates)
    # position 10 lies within a block of three
    expected = expect(q, k, v, gates, **SIZE)[:, :, :11]
    k, v = k.clone(), v.clone()
    k[:, :, 11:], v[:, :, 11:] = 9.0, 9.0

    out = attempt.native_sparse_attention(q, k, v, gates, **SIZE)[:, :, :11]

    assert_close(out, expected, label="queries 0 to 10")


@pytest.mark.parametrize("T, H, G, size", SIZES[:6])
def test_gradients_match_dense_masks(attempt, T, H, G, size):
    inputs = make_inputs(H=H, G=G, T=T)

    assert_same_gradients(attempt.native_sparse_attention, expect, *inputs, names=NAMES, **size)


def test_sequences_of_a_batch_do_not_mix(attempt):
    assert_batch_rows_independent(attempt.native_sparse_attention, *make_inputs(B=3), **SIZE)


def test_a_long_sequence_matches_dense_masks(attempt):
    inputs = make_inputs(B=1, H=2, G=1, T=150, D=4)
    size = {"block_size": 8, "n_selected": 6, "window": 16}
    expected = expect(*inputs, **size)

    assert_close(attempt.native_sparse_attention(*inputs, **size), expected)


def test_never_makes_t_by_t(attempt):
    inputs = make_inputs(B=1, H=2, G=1, T=400, D=2, D_v=2)
    # 2 * 2 * 400 * max(400 / 8, (3 * 8 + 4) * 2); T by T is 160,000 without a head axis
    limit = 89_600

    made = largest_intermediate(
        attempt.native_sparse_attention, *inputs, block_size=8, n_selected=3, window=4
    )

    assert made <= limit


def test_scores_no_keys_that_are_not_read(attempt):
    inputs = make_inputs(B=1, H=2, G=1, T=640, D=2, D_v=2)
    # 4 * 2 * 640 * (640 / 16 + 3 * 16 + 4) * 4; half of all pairs alone are 3,276,800
    limit = 1_884_160

    made = flops(attempt.native_sparse_attention, *inputs, block_size=16, n_selected=3, window=4)

    assert made <= limit


def test_scores_in_the_thousands_do_not_overflow(attempt):
    # weights round to 0 and 1 here, so only the forced blocks: there is no choice to make
    q, k, v, gates = make_inputs()
    size = {"block_size": 3, "n_selected": 3, "window": 5}
    expected = expect(q * 50, k * 50, v, gates, **size)

    assert_close(attempt.native_sparse_attention(q * 50, k * 50, v, gates, **size), expected)


def test_what_is_hidden_stays_so_among_scores_far_below_zero(attempt):
    q, k, v, gates = make_inputs()
    q[..., 0], k[..., 0] = 1.0, -1e5  # all scores lie near -1e5 / sqrt(8) = -35,355
    size = {"block_size": 3, "n_selected": 3, "window": 5}  # no choice that rounding could change
    expected = expect(q, k, v, gates, **size)

    assert_close(attempt.native_sparse_attention(q, k, v, gates, **size), expected)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_returns_the_dtype_of_q(attempt, dtype):
    inputs = make_inputs(dtype=dtype)

    assert attempt.native_sparse_attention(*inputs, **SIZE).dtype == dtype


def test_bfloat16_is_computed_in_float32(attempt):
    # three blocks are the forced ones: there is no choice that rounding could change
    q, k, v, gates = make_inputs(T=20, D=48, D_v=32, dtype=torch.bfloat16)
    q = q * 4  # scores of about 8, where bfloat16 is spaced 1/16 apart
    size = {"block_size": 4, "n_selected": 3, "window": 6}
    expected = expect(*(x.double() for x in (q, k, v, gates)), **size).bfloat16()

    assert_close(
        attempt.native_sparse_attention(q, k, v, gates, **size),
        expected,
        rtol=1.6e-2,
        atol=1e-4,
        why="sums near zero carry float32's rounding",
    )


@pytest.mark.parametrize(
    "dtype, more",
    [(torch.bfloat16, 2.0**-8), (torch.float32, 2.0**-16), (torch.float64, 2.0**-40)],
    ids=["bfloat16", "float32", "float64"],
)
def test_blocks_are_chosen_by_unrounded_importance(attempt, dtype, more):
    # block 1 scores 1, block 3 more by so little that half the digits would not tell
    q, k = torch.zeros(2, 1, 1, 13, 4, dtype=dtype)
    q[..., :2] = 2.0
    k[:, :, [2, 3, 6, 7], 0] = 1.0
    k[:, :, 6:8, 1] = more
    v = torch.eye(7, dtype=dtype).repeat_interleave(2, 0)[None, None, :13]
    gates = only(SELECTED, torch.zeros(1, 1, 13, 3, dtype=dtype))

    out = attempt.native_sparse_attention(q, k, v, gates, block_size=2, n_selected=4, window=1)

    read = (out[0, :, -1] > 0).double()
    assert_close(read, blocks([0, 3, 5, 6]), label="the blocks that are read")


def test_a_second_call_gives_the_same(attempt):
    inputs = make_inputs()
    expected = expect(*inputs, **SIZE)
    attempt.native_sparse_attention(*make_inputs(T=9), block_size=2, n_selected=3, window=3)

    assert_close(attempt.native_sparse_attention(*inputs, **SIZE), expected)


def test_all_is_made_on_the_device_of_q(attempt):
    assert_follows_device(attempt.native_sparse_attention, *make_inputs(), **SIZE)


@pytest.mark.parametrize(
    "wrong",
    [{"block_size": 0}, {"n_selected": 2}, {"window": 0}, {"block_size": -1}, {"window": -3}],
    ids=["no-block", "two-selected", "no-window", "negative-block", "negative-window"],
)
def test_rejects_sizes_that_are_too_small(attempt, wrong):
    with pytest.raises(ValueError):
        attempt.native_sparse_attention(*make_inputs(), **(SIZE | wrong))


@pytest.mark.parametrize("H, G", [(4, 3), (2, 4)], ids=["four-by-three", "two-by-four"])
def test_rejects_heads_that_do_not_divide(attempt, H, G):
    with pytest.raises(ValueError):
        attempt.native_sparse_attention(*make_inputs(H=H, G=G), **SIZE)


def bench(attempt, size, device):
    """Size is the length: 1 sequence, 4 query and 1 KV heads of 32, 8 blocks of 16, float32."""
    inputs = [x.to(device) for x in make_inputs(1, 4, 1, size, 32, 32, torch.float32)]
    sizes = {"block_size": 16, "n_selected": 8, "window": 64}
    return lambda: attempt.native_sparse_attention(*inputs, **sizes)


bench.sizes = (64, 128, 256)
