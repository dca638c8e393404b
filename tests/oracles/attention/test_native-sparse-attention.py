"""Against torch with dense masks, and by what becomes of it when a branch sees everything."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention, softmax

# B, H, G, T, D, D_v, block_size, n_selected, window
CASES = [
    (2, 4, 2, 26, 8, 5, 3, 4, 4),
    (1, 6, 2, 31, 4, 4, 4, 5, 9),
    (2, 3, 3, 17, 8, 8, 2, 3, 1),
    (1, 4, 1, 40, 6, 7, 5, 4, 6),
    (1, 2, 1, 12, 4, 4, 1, 5, 30),
    (2, 2, 2, 6, 4, 4, 9, 3, 2),
]


def leaves(B, H, G, T, D, D_v):
    torch.manual_seed(T)
    shapes = (B, H, T, D), (B, G, T, D), (B, G, T, D_v), (B, H, T, 3)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def dense(q, k, v, gates, block_size, n_selected, window):
    """Masks over all T positions and all blocks, by the definition of each branch."""
    H, T, D = q.shape[1:]
    G = k.shape[1]
    k, v = (x.repeat_interleave(H // G, dim=1) for x in (k, v))
    position = torch.arange(T)
    owner = position // block_size
    blocks = int(owner[-1]) + 1

    # a matrix that averages each block; no query sees one that ends after it
    average = (owner == torch.arange(blocks)[:, None]).double() / block_size
    ended = (torch.arange(blocks) + 1) * block_size - 1 <= position[:, None]  # (T, blocks)
    scores = (q @ (average @ k).mT / D**0.5).masked_fill(~ended, -1e9)
    weights = softmax(scores, dim=-1) * ended
    compressed = weights @ (average @ v)

    # rank by counting: how many blocks come before block j
    votes = weights.detach().unflatten(1, (G, H // G)).sum(2)  # (B, G, T, blocks)
    j = torch.arange(blocks)
    forced = (j == 0) | (j == owner[:, None]) | (j == owner[:, None] - 1)
    votes = votes.masked_fill(forced, 1e9).masked_fill(j > owner[:, None], -1e9)
    ahead = votes[..., None, :] > votes[..., :, None]
    equal = (votes[..., None, :] == votes[..., :, None]) & (j < j[:, None])
    chosen = (ahead | equal).sum(-1) < n_selected  # (B, G, T, blocks)
    causal = position <= position[:, None]
    seen = chosen[..., owner].repeat_interleave(H // G, dim=1) & causal
    near = causal & (position > position[:, None] - window)
    selected, sliding = (
        scaled_dot_product_attention(q, k, v, attn_mask=mask) for mask in (seen, near)
    )
    return torch.einsum("bhtdc,bhtc->bhtd", torch.stack([compressed, selected, sliding], -1), gates)


@pytest.mark.parametrize("case", CASES)
def test_dense_masks(solution, case):
    *shape, block_size, n_selected, window = case
    inputs = leaves(*shape)

    expected = dense(*inputs, block_size, n_selected, window)
    actual = solution.native_sparse_attention(
        *inputs, block_size=block_size, n_selected=n_selected, window=window
    )

    torch.testing.assert_close(actual, expected)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, inputs, cotangent),
        torch.autograd.grad(expected, inputs, cotangent),
    )


@pytest.mark.parametrize("branch", [1, 2], ids=["selected", "sliding"])
def test_a_branch_that_sees_all_is_causal_attention(solution, branch):
    q, k, v, gates = (x.detach() for x in leaves(2, 6, 3, 21, 8, 5))
    gates = torch.zeros_like(gates)
    gates[..., branch] = 1

    out = solution.native_sparse_attention(q, k, v, gates, block_size=4, n_selected=6, window=21)

    expected = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(out, expected)


def test_blocks_of_one_compress_to_causal_attention(solution):
    q, k, v, gates = (x.detach() for x in leaves(2, 6, 3, 21, 8, 5))
    gates = torch.zeros_like(gates)
    gates[..., 0] = 1

    out = solution.native_sparse_attention(q, k, v, gates, block_size=1, n_selected=3, window=1)

    expected = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(out, expected)


def test_gradients_match_finite_differences(solution):
    def attend(*inputs):
        return solution.native_sparse_attention(*inputs, block_size=2, n_selected=3, window=2)

    assert torch.autograd.gradcheck(attend, leaves(1, 2, 1, 9, 2, 2))
