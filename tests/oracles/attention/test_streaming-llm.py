"""Against torch's attention over the kept tokens, with transformers' RoPE by slots."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb


def rotary(D, theta):
    config = LlamaConfig(
        hidden_size=D,
        num_attention_heads=1,
        head_dim=D,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
    )
    return LlamaRotaryEmbedding(config)


# T, n_sink, window, D, D_v, theta
CASES = [
    (14, 4, 3, 8, 8, 10000.0),
    (9, 0, 2, 4, 6, 100.0),
    (12, 2, 1, 16, 3, 10000.0),
    (8, 3, 9, 8, 8, 50.0),
]


@pytest.mark.parametrize("case", CASES)
def test_llama_rope(solution, case):
    torch.manual_seed(0)
    T, n_sink, window, D, D_v, theta = case
    rope = rotary(D, theta)
    shapes = (2, 3, T, D), (2, 3, T, D), (2, 3, T, D_v)
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    q, k, v = leaves
    cache, outs, wanted = None, [], []
    for t in range(T):
        out, cache = solution.streaming_step(
            *(x[:, :, t] for x in (q, k, v)), cache, n_sink=n_sink, window=window, theta=theta
        )
        outs.append(out)

        sinks, recent = range(min(n_sink, t + 1)), range(max(n_sink, t - window + 1), t + 1)
        # in a stream shorter than the sinks the new token is one itself
        seen = sorted({*sinks, *recent, t})
        slots = torch.arange(len(seen))[None]
        query = q[:, :, t : t + 1].expand(-1, -1, len(seen), -1)
        query, keys = apply_rotary_pos_emb(query, k[:, :, seen], *rope(q, slots))
        wanted.append(scaled_dot_product_attention(query[:, :, -1:], keys, v[:, :, seen])[:, :, 0])

    actual, expected = torch.stack(outs), torch.stack(wanted)
    # transformers' angles are float32
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    cotangent = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(actual, leaves, cotangent),
        torch.autograd.grad(expected, leaves, cotangent),
        rtol=1e-4,
        atol=1e-5,
    )
