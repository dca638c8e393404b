"""Against transformers' Longformer: its strips, its two sets of projections, its masks."""

import pytest
import torch
from transformers import LongformerConfig
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

H, D = 3, 4


def build(window):
    torch.manual_seed(window)
    config = LongformerConfig(
        hidden_size=H * D,
        num_attention_heads=H,
        attention_window=[window],
        attention_probs_dropout_prob=0.0,
    )
    # not in float64: its filler there is -inf to its float32 softmax, and NaN comes back
    return LongformerSelfAttention(config, layer_id=0)


def ours(solution, theirs, x, is_global, window, mask):
    def heads(projection):
        return projection(x).unflatten(-1, (H, D)).transpose(1, 2)

    names = ("query", "key", "value", "query_global", "key_global", "value_global")
    inputs = [heads(getattr(theirs, name)) for name in names]
    out = solution.longformer_attention(*inputs, is_global, window, mask=mask)
    return out.transpose(1, 2).flatten(2)


@pytest.mark.parametrize(("window", "T"), [(4, 8), (4, 12), (6, 18), (8, 8)])
@pytest.mark.parametrize(
    "places",
    [[[], [], []], [[0], [0], [0]], [[0, 5], [], [3]], [[0], [1, 2, 6, 7], [4, 5]]],
    ids=["none", "first", "two-none-one", "one-four-two"],
)
@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
def test_longformer(solution, window, T, places, padded):
    theirs = build(window)
    x = torch.randn(3, T, H * D, requires_grad=True)
    mask = torch.ones(3, T, dtype=torch.bool)
    if padded:
        mask[0, T - 1 :] = False
        mask[1, T - 3 :] = False
        mask[2, 2] = False
    is_global = torch.zeros_like(mask)
    for row, own in zip(is_global, places, strict=True):
        row[own] = True
    is_global &= mask

    expected = theirs(
        x,
        # as LongformerModel makes it: padding below zero, global tokens above
        attention_mask=torch.where(mask, is_global * 10000.0, -10000.0),
        is_index_masked=~mask,
        is_index_global_attn=is_global,
        is_global_attn=bool(is_global.any()),
    )[0]
    actual = ours(solution, theirs, x, is_global, window, mask)

    # what transformers puts into rows of padding is of no use
    expected, actual = expected[mask], actual[mask]
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-6)
    cotangent = torch.randn_like(expected)
    leaves = [x, *theirs.parameters()]
    theirs_back, ours_back = (
        torch.autograd.grad(out, leaves, cotangent, allow_unused=True) for out in (expected, actual)
    )
    for got, want in zip(ours_back, theirs_back, strict=True):
        if want is None or got is None:
            assert all(g is None or not g.any() for g in (got, want))
        else:
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
