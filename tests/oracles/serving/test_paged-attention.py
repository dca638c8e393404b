"""The solution against torch's attention over the whole pool, where a mask hides other slots."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention


def masked_pool(q, k_cache, v_cache, block_table, seq_lens, scale=None):
    """Every sequence sees all slots of the pool, but for those that the mask hides."""
    N, S, G, D = k_cache.shape
    mask = torch.zeros(len(q), 1, 1, N * S, dtype=torch.bool)
    for b, length in enumerate(seq_lens.tolist()):
        for t in range(length):
            mask[b, 0, 0, block_table[b, t // S] * S + t % S] = True
    k, v = (x.reshape(1, N * S, G, D).transpose(1, 2) for x in (k_cache, v_cache))
    k, v = (x.expand(len(q), G, N * S, D) for x in (k, v))
    row = scaled_dot_product_attention(
        q.unsqueeze(2), k, v, attn_mask=mask, scale=scale, enable_gqa=True
    )
    return row.squeeze(2)


def random_pool(lengths, H, G, D, S, dtype, shared):
    N = 40
    q = torch.randn(len(lengths), H, D, dtype=dtype)
    k_cache, v_cache = torch.randn(2, N, S, G, D, dtype=dtype)
    width = max(-(-length // S) for length in lengths) + 1
    if shared:
        rows = [torch.randperm(N)[:width] for _ in lengths]
    else:
        rows = list(torch.randperm(N)[: width * len(lengths)].view(len(lengths), width))
    return q, k_cache, v_cache, torch.stack(rows), torch.tensor(lengths)


@pytest.mark.parametrize("shared", [False, True], ids=["own-blocks", "shared-blocks"])
@pytest.mark.parametrize(
    ("lengths", "H", "G", "D", "S"),
    [
        ([1], 1, 1, 4, 1),
        ([7, 3, 12], 4, 4, 8, 4),
        ([5, 16, 1, 9], 8, 2, 16, 4),
        ([31, 2], 6, 1, 5, 16),
        ([6, 6, 6], 6, 3, 8, 3),
    ],
)
@pytest.mark.parametrize("scale", [None, 0.3])
def test_matches_attention_over_the_pool(solution, lengths, H, G, D, S, shared, scale):
    inputs = random_pool(lengths, H, G, D, S, torch.float64, shared)

    torch.testing.assert_close(
        solution.paged_attention(*inputs, scale=scale), masked_pool(*inputs, scale=scale)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_low_precision_is_float64_rounded(solution, dtype):
    inputs = random_pool([33, 60], 8, 2, 64, 8, dtype, shared=False)
    q, k_cache, v_cache, *rest = inputs
    exact = masked_pool(q.double(), k_cache.double(), v_cache.double(), *rest)

    torch.testing.assert_close(solution.paged_attention(*inputs), exact.to(dtype))


def test_hand_worked_case(solution):
    # tokens 3, 5 (block 1) and 9 (block 0) as values; weights 1/4, 1/4, 1/2 from log 1, 1, 2
    k_cache = torch.tensor([[0.6931471805599453, float("nan")], [0.0, 0.0]]).view(2, 2, 1, 1)
    v_cache = torch.tensor([[9.0, float("nan")], [3.0, 5.0]]).view(2, 2, 1, 1)

    result = solution.paged_attention(
        torch.ones(1, 1, 1), k_cache, v_cache, torch.tensor([[1, 0, -7]]), torch.tensor([3])
    )

    assert result.item() == pytest.approx(3 / 4 + 5 / 4 + 9 / 2)


def test_a_gradient_reaches_only_live_slots(solution):
    q, k_cache, v_cache, table, lengths = random_pool([5, 8], 4, 2, 8, 4, torch.float64, False)
    v_cache.requires_grad_()
    found = torch.autograd.grad(
        solution.paged_attention(q, k_cache, v_cache, table, lengths).sum(), v_cache
    )
    expected = torch.autograd.grad(masked_pool(q, k_cache, v_cache, table, lengths).sum(), v_cache)

    torch.testing.assert_close(found, expected)
