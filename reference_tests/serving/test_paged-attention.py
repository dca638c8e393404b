"""Each sequence is expected to attend as if its tokens lay in one tensor, in float64."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from grader.testing import assert_close, assert_equal, assert_keeps_dtype, largest_intermediate

LENGTHS = [5, 1, 8, 11]


class Paged:
    """Random sequences, dense and in a pool of blocks whose stale slots hold `stale`.

    Attributes:
        dense: The (T, G, D) keys and values of each sequence.
        args: What paged_attention takes.
    """

    def __init__(
        self,
        lengths=LENGTHS,
        *,
        H=6,
        G=2,
        D=8,
        S=4,
        spare=3,
        stale=float("nan"),
        unused=-1,
        dtype=torch.float64,
        index=torch.int64,
    ):
        B = len(lengths)
        self.dense = [torch.randn(2, T, G, D, dtype=dtype) for T in lengths]
        self.q = torch.randn(B, H, D, dtype=dtype)
        needed = [-(-T // S) for T in lengths]
        order = torch.randperm(sum(needed) + 3).tolist()
        pool = torch.full((2, len(order), S, G, D), stale, dtype=dtype)
        self.block_table = torch.full((B, max(needed) + spare), unused, dtype=index)
        for b, kv in enumerate(self.dense):
            for n in range(needed[b]):
                block, tokens = order.pop(), kv[:, n * S : (n + 1) * S]
                pool[:, block, : tokens.shape[1]] = tokens
                self.block_table[b, n] = block
        self.k_cache, self.v_cache = pool[0].clone(), pool[1].clone()
        self.seq_lens = torch.tensor(lengths, dtype=index)

    @property
    def args(self):
        return self.q, self.k_cache, self.v_cache, self.block_table, self.seq_lens

    def expected(self, scale=None):
        """torch's attention on the dense tensors, in float64."""
        rows = []
        for q, (k, v) in zip(self.q.double(), self.dense, strict=True):
            if len(k) == 0:
                rows.append(torch.zeros_like(q))
                continue
            k, v = k.double().transpose(0, 1), v.double().transpose(0, 1)
            row = scaled_dot_product_attention(
                q[None, :, None], k[None], v[None], scale=scale, enable_gqa=True
            )
            rows.append(row[0, :, 0])
        return torch.stack(rows)


def test_matches_torch(attempt):
    paged = Paged()
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize(
    "H, G, D, S",
    [
        pytest.param(4, 4, 8, 4, id="multi-head"),
        pytest.param(4, 1, 8, 4, id="multi-query"),
        pytest.param(6, 3, 5, 3, id="odd-sizes"),
        pytest.param(4, 2, 8, 1, id="one-token-a-block"),
        pytest.param(4, 2, 8, 16, id="one-block-a-sequence"),
    ],
)
def test_any_heads_and_block_sizes(attempt, H, G, D, S):
    paged = Paged(H=H, G=G, D=D, S=S)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_neighbouring_query_heads_share_a_kv_head(attempt):
    paged = Paged(H=6, G=2)
    paged.v_cache[:] = torch.tensor([0.0, 1.0])[:, None]  # KV head g holds only the value g

    read = attempt.paged_attention(*paged.args)[0, :, 0]

    expected = torch.tensor([0, 0, 0, 1, 1, 1], dtype=torch.float64)
    assert_close(read, expected, label="what the six heads read")


def test_the_table_says_where_a_token_lies(attempt):
    # 3 tokens in blocks 2 and 0 of two slots; all keys are alike, so the values are averaged
    k_cache = torch.zeros(3, 2, 1, 1)
    v_cache = torch.tensor([[4.0, 100], [200, 400], [1, 1]]).view(3, 2, 1, 1)
    table, q = torch.tensor([[2, 0]]), torch.ones(1, 1, 1)

    read = attempt.paged_attention(q, k_cache, v_cache, table, torch.tensor([3]))

    assert_close(read, torch.tensor([[[(1 + 1 + 4) / 3]]]))


def test_sequences_may_share_blocks(attempt):
    paged = Paged([8, 11, 6, 3])
    # all begin with the first sequence's first block, the last with 3 of its 4 tokens
    for b in (1, 2, 3):
        paged.block_table[b, 0] = paged.block_table[0, 0]
        own = paged.dense[b][:, :4]
        own[:] = paged.dense[0][:, : own.shape[1]]
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("stale", [float("nan"), float("inf"), 50.0], ids=["nan", "inf", "50"])
def test_stale_slots_have_no_effect(attempt, stale):
    paged = Paged(stale=stale)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("unused", [-1, 10**6, 0], ids=["minus-one", "no-block", "a-block"])
def test_table_entries_past_the_last_block_have_no_effect(attempt, unused):
    paged = Paged(unused=unused, stale=50.0)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("lengths", [[5, 0, 4], [0, 0]], ids=["one-of-three", "all"])
def test_an_empty_sequence_gives_zeros(attempt, lengths):
    paged = Paged(lengths, unused=10**6)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_a_full_row_of_the_table_is_read_whole(attempt):
    paged = Paged([8, 12], spare=0)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("scale", [0.7, 0.0])
def test_scale_replaces_the_default(attempt, scale):
    paged = Paged()
    expected = paged.expected(scale)

    assert_close(attempt.paged_attention(*paged.args, scale=scale), expected)


def test_large_scores_do_not_overflow(attempt):
    paged = Paged()
    # scores of some hundreds to thousands, whose exponentials no float64 holds
    expected = paged.expected(scale=300.0)

    assert_close(attempt.paged_attention(*paged.args, scale=300.0), expected)


def test_int32_tables_and_lengths_are_read(attempt):
    paged = Paged(index=torch.int32)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_caches_may_be_views(attempt):
    paged = Paged()
    expected = paged.expected()
    # one tensor for both, with the heads before the slots
    both = torch.stack([paged.k_cache, paged.v_cache]).transpose(2, 3).contiguous()
    k_cache, v_cache = both.transpose(2, 3)

    result = attempt.paged_attention(paged.q, k_cache, v_cache, paged.block_table, paged.seq_lens)
    assert_close(result, expected)


def test_returns_the_dtype_of_q(attempt):
    assert_keeps_dtype(attempt.paged_attention, *Paged().args)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(attempt, dtype):
    paged = Paged(D=64, dtype=dtype)
    paged.q = paged.q * 8  # scores of about 8, where bfloat16 is spaced 1/16 apart
    expected = paged.expected().to(dtype)

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_neither_the_pool_nor_the_whole_table_is_copied(attempt):
    B, H, D, L = 2, 4, 8, 8
    paged = Paged([8, 3], H=H, D=D, spare=200)
    paged.k_cache, paged.v_cache = (
        torch.cat([cache, torch.zeros(200, *cache.shape[1:], dtype=cache.dtype)])
        for cache in (paged.k_cache, paged.v_cache)
    )

    largest = largest_intermediate(attempt.paged_attention, *paged.args)

    assert largest <= B * L * H * D


def test_inputs_stay_as_they_were(attempt):
    paged = Paged()
    before = [tensor.clone() for tensor in paged.args]

    attempt.paged_attention(*paged.args)

    for name, tensor, copy in zip(
        ["q", "k_cache", "v_cache", "block_table", "seq_lens"], paged.args, before, strict=True
    ):
        assert_equal(tensor, copy, label=name)


def test_rejects_heads_that_do_not_divide(attempt):
    paged = Paged(H=6, G=4)
    with pytest.raises(ValueError):
        attempt.paged_attention(*paged.args)


def bench(attempt, size, device):
    """Size is the length of each of 4 sequences: 8 query and 2 KV heads of 64, in float32."""
    paged = Paged([size] * 4, H=8, G=2, D=64, S=16, dtype=torch.float32)
    args = [x.to(device) for x in paged.args]
    return lambda: attempt.paged_attention(*args)


bench.sizes = (64, 512, 4096)
