"""Each sequence is expected to attend as if its tokens lay in one tensor, in float64."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from triton.runtime import interpreter
from triton.runtime.jit import JITFunction

from grader.testing import assert_close, assert_equal, forbidden, largest_intermediate

# three blocks, the last partly filled; a single token; one full block
LENGTHS = [37, 1, 16]
TORCH_ARITHMETIC = ("sum", "nansum", "cumsum", "mean", "dot", "inner", "linalg_vecdot", "linear")


class Paged:
    """Random sequences, dense and in a pool of blocks whose stale slots hold `stale`.

    Attributes:
        dense: The (2, T, G, D) keys and values of each sequence.
        args: What paged_attention takes.
    """

    def __init__(
        self,
        device,
        lengths=LENGTHS,
        *,
        H=6,
        G=2,
        D=16,
        S=16,
        spare=2,
        stale=float("nan"),
        unused=-1,
        dtype=torch.float32,
        index=torch.int32,
    ):
        B = len(lengths)
        self.dense = [torch.randn(2, T, G, D).to(device, dtype) for T in lengths]
        self.q = torch.randn(B, H, D).to(device, dtype)
        needed = [-(-T // S) for T in lengths]
        order = torch.randperm(sum(needed) + 3).tolist()
        pool = torch.full((2, len(order), S, G, D), stale, dtype=dtype, device=device)
        table = torch.full((B, max(needed) + spare), unused, dtype=index)
        for b, kv in enumerate(self.dense):
            for n in range(needed[b]):
                block, tokens = order.pop(), kv[:, n * S : (n + 1) * S]
                pool[:, block, : tokens.shape[1]] = tokens
                table[b, n] = block
        self.k_cache, self.v_cache = pool[0].clone(), pool[1].clone()
        self.block_table = table.to(device)
        self.seq_lens = torch.tensor(lengths, dtype=index, device=device)

    @property
    def args(self):
        return self.q, self.k_cache, self.v_cache, self.block_table, self.seq_lens

    def expected(self, scale=None):
        """torch's attention on the dense tensors, in float64, rounded to the dtype of q."""
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
        return torch.stack(rows).to(self.q.dtype)


def test_matches_torch(attempt, device):
    paged = Paged(device)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize(
    "H, G, D, S",
    [
        pytest.param(4, 4, 16, 16, id="multi-head"),
        pytest.param(4, 1, 32, 16, id="multi-query"),
        pytest.param(3, 3, 128, 16, id="wide-heads"),
        pytest.param(10, 2, 16, 32, id="five-heads-a-group"),
    ],
)
def test_any_heads_and_block_sizes(attempt, device, H, G, D, S):
    paged = Paged(device, H=H, G=G, D=D, S=S)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_neighbouring_query_heads_share_a_kv_head(attempt, device):
    paged = Paged(device, H=6, G=2)
    # KV head g holds only the value g
    paged.v_cache[:] = torch.tensor([0.0, 1.0], device=device)[:, None]

    read = attempt.paged_attention(*paged.args)[0, :, 0]

    expected = torch.tensor([0.0, 0, 0, 1, 1, 1], device=device)
    assert_close(read, expected, label="what the six heads read")


def test_sequences_may_share_blocks(attempt, device):
    paged = Paged(device, [32, 37, 20, 9], H=2)
    # all begin with the first sequence's first block, the last with 9 of its 16 tokens
    for b in (1, 2, 3):
        paged.block_table[b, 0] = paged.block_table[0, 0]
        own = paged.dense[b][:, :16]
        own[:] = paged.dense[0][:, : own.shape[1]]
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("stale", [float("nan"), float("inf"), 50.0], ids=["nan", "inf", "50"])
def test_stale_slots_have_no_effect(attempt, device, stale):
    paged = Paged(device, [20, 3], H=2, stale=stale)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_table_entries_past_the_last_block_have_no_effect(attempt, device):
    # block 0 exists, and belongs to a sequence or to none
    paged = Paged(device, [20, 3, 33], H=2, unused=0, stale=50.0)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("lengths", [[20, 0, 16], [0, 0]], ids=["one-of-three", "all"])
def test_an_empty_sequence_gives_zeros(attempt, device, lengths):
    paged = Paged(device, lengths, H=2)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_a_full_row_of_the_table_is_read_whole(attempt, device):
    paged = Paged(device, [32, 48], H=2, spare=0)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


@pytest.mark.parametrize("scale", [0.7, 0.0])
def test_scale_replaces_the_default(attempt, device, scale):
    paged = Paged(device, H=2)
    expected = paged.expected(scale)

    assert_close(attempt.paged_attention(*paged.args, scale=scale), expected)


@pytest.mark.parametrize(
    "first, later",
    [
        pytest.param(4, 4, id="far-above-zero"),
        pytest.param(-4, -4, id="far-below-zero"),
        pytest.param(-4, 4, id="rising"),
        pytest.param(4, -4, id="falling"),
    ],
)
def test_large_scores_do_not_overflow(attempt, device, first, later):
    paged = Paged(device, H=2, G=2)
    # all scores are 512 or -512, whose exponentials float32 does not hold
    paged.q[:] = 8
    paged.k_cache[:] = later
    paged.k_cache[paged.block_table[:, 0].long()] = first
    for keys, _ in paged.dense:
        keys[:], keys[:16] = later, first
    expected = paged.expected(scale=1.0)

    assert_close(attempt.paged_attention(*paged.args, scale=1.0), expected)


def test_int64_tables_and_lengths_are_read(attempt, device):
    paged = Paged(device, H=2, index=torch.int64)
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_caches_may_be_views_with_strides_of_their_own(attempt, device):
    paged = Paged(device)
    expected = paged.expected()
    # keys lie with the heads before the slots, values between the values of another layer
    k_cache = paged.k_cache.transpose(1, 2).contiguous().transpose(1, 2)
    v_cache = torch.stack([paged.v_cache, paged.v_cache + 1], dim=1)[:, 0]

    result = attempt.paged_attention(paged.q, k_cache, v_cache, paged.block_table, paged.seq_lens)
    assert_close(result, expected)


def test_float16_is_computed_in_float32(attempt, device):
    paged = Paged(device, H=4, D=64, dtype=torch.float16)
    paged.q *= 8  # scores of about 8, where float16 is spaced 1/128 apart
    expected = paged.expected()

    assert_close(attempt.paged_attention(*paged.args), expected)


def test_the_kernels_do_the_arithmetic(attempt, device, monkeypatch):
    paged = Paged(device, [20, 3], H=2)
    expected = paged.expected()
    taken = note_launches(monkeypatch)

    with forbidden(*TORCH_ARITHMETIC):
        assert_close(attempt.paged_attention(*paged.args), expected)

    for name, cache in (("k_cache", paged.k_cache), ("v_cache", paged.v_cache)):
        address = cache.untyped_storage().data_ptr()
        assert address in taken, f"{name} is not given to a @triton.jit kernel"


def test_nothing_is_right_without_the_kernels(attempt, device, monkeypatch):
    paged = Paged(device, [20, 3], H=2)
    expected = paged.expected()
    # launches do nothing from here on
    for kind in (JITFunction, interpreter.InterpretedFunction):
        monkeypatch.setattr(kind, "run", lambda *args, **kwargs: None)

    result = attempt.paged_attention(*paged.args)

    right = torch.isclose(result, expected, rtol=1e-3, atol=1e-3).all()
    assert not right, "the result is right though no @triton.jit kernel of yours has run"


def note_launches(monkeypatch):
    """The addresses of the tensors that kernels are launched with."""
    taken = set()

    def noting(run):
        def noted(self, *args, **kwargs):
            for arg in (*args, *kwargs.values()):
                # a tensor descriptor has its tensor as base
                tensor = getattr(arg, "base", arg)
                if isinstance(tensor, torch.Tensor):
                    taken.add(tensor.untyped_storage().data_ptr())
            return run(self, *args, **kwargs)

        return noted

    for kind in (JITFunction, interpreter.InterpretedFunction):
        monkeypatch.setattr(kind, "run", noting(kind.run))
    return taken


def test_the_tokens_are_not_copied(attempt, device):
    B, H, D, n = 2, 4, 16, 4
    paged = Paged(device, [256, 160], H=H, G=2, D=D, S=64)
    # views, for which contiguous() would copy the pool
    paged.k_cache, paged.v_cache = torch.stack([paged.k_cache, paged.v_cache], dim=1).unbind(1)

    largest = largest_intermediate(attempt.paged_attention, *paged.args)

    # the interpreter sees what a kernel gets as bytes, of which a float32 has 4
    assert largest <= 4 * B * H * n * D


def test_work_follows_the_lengths_and_not_the_table(attempt, device, monkeypatch):
    loads = count_loads(monkeypatch)
    narrow, wide = (Paged(device, [16, 9], H=2, spare=spare) for spare in (0, 63))

    attempt.paged_attention(*narrow.args)
    few = sum(loads)
    loads.clear()
    attempt.paged_attention(*wide.args)

    assert sum(loads) <= 2 * few, (
        f"with 64 blocks a row the kernels load {sum(loads):,} elements, with 1 only {few:,}: "
        "both sequences use one block"
    )


def count_loads(monkeypatch):
    """The elements of each load, masked or not; nothing on a GPU, where none is seen."""
    loads = []
    builder = interpreter.InterpreterBuilder
    load = builder.create_masked_load

    def counted(self, pointers, *args, **kwargs):
        loads.append(pointers.data.size)
        return load(self, pointers, *args, **kwargs)

    monkeypatch.setattr(builder, "create_masked_load", counted)
    return loads


def test_inputs_stay_as_they_were(attempt, device):
    paged = Paged(device, [20, 3], H=2)
    before = [tensor.clone() for tensor in paged.args]

    attempt.paged_attention(*paged.args)

    for name, tensor, copy in zip(
        ["q", "k_cache", "v_cache", "block_table", "seq_lens"], paged.args, before, strict=True
    ):
        assert_equal(tensor, copy, label=name)


def test_rejects_heads_that_do_not_divide(attempt, device):
    paged = Paged(device, H=6, G=4)
    with pytest.raises(ValueError):
        attempt.paged_attention(*paged.args)


def bench(attempt, size, device):
    """Size is the length of each of 16 sequences: 32 query and 8 KV heads of 64, in float16."""
    paged = Paged(device, [size] * 16, H=32, G=8, D=64, dtype=torch.float16)
    return lambda: attempt.paged_attention(*paged.args)


bench.sizes = (256, 1024, 4096)
