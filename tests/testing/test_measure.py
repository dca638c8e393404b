"""largest_intermediate and flops: what a call costs, without a clock."""

import pytest
import torch
import torch.nn.functional as F

from grader.testing import flops, largest_intermediate

T, D = 128, 16


def naive(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return (q @ k.mT).softmax(-1) @ v


def tiled(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return torch.cat([naive(q[i : i + 16], k, v) for i in range(0, len(q), 16)])


def qkv() -> list[torch.Tensor]:
    return [torch.randn(T, D) for _ in range(3)]


def test_a_matrix_of_scores_is_the_largest_tensor_of_naive_attention():
    inputs = qkv()

    assert largest_intermediate(naive, *inputs) == T * T
    assert largest_intermediate(tiled, *inputs) == max(16 * T, T * D)


def test_elements_are_counted_not_bytes():
    for dtype in (torch.float16, torch.float64, torch.bool):
        assert largest_intermediate(torch.zeros, 10, 7, dtype=dtype) == 70


def test_inputs_and_their_views_do_not_count():
    x = torch.randn(100, 100)

    assert largest_intermediate(lambda x: x.view(-1)[:50].expand(9, 50).mT, x) == 0
    assert largest_intermediate(lambda x: x.mul_(2).add_(1), x) == 0
    assert largest_intermediate(lambda given: given["x"][0].T, {"x": [x]}) == 0
    assert largest_intermediate(lambda *, x: x[0].sum(), x=x) == 1


def test_an_expanded_tensor_counts_what_it_stores():
    assert largest_intermediate(lambda: torch.ones(5, 1).expand(5, 1000)) == 5
    assert largest_intermediate(lambda: torch.ones(5, 1).expand(5, 1000).contiguous()) == 5000


def test_a_view_counts_all_that_is_stored_behind_it():
    assert largest_intermediate(lambda: torch.ones(1000)[:3]) == 1000


def test_what_is_made_within_functions_and_in_lists_counts():
    x = torch.randn(4, 50)

    assert largest_intermediate(lambda x: F.one_hot(x.argmax(-1), 50).sum(), x) == 200
    assert largest_intermediate(lambda x: torch.stack([x, x])[0].split(2), x) == 400


def test_tensors_of_the_backward_pass_count_too():
    x = torch.randn(8, requires_grad=True)

    assert largest_intermediate(lambda x: torch.outer(x, x).sum().backward(), x) == 64


def test_arguments_that_are_no_tensors_are_passed_on():
    seen = []
    largest_intermediate(lambda *args, **kwargs: seen.append((args, kwargs)), 1, "a", key=None)
    flops(lambda *args, **kwargs: seen.append((args, kwargs)), 1, "a", key=None)

    assert seen == [((1, "a"), {"key": None})] * 2


@pytest.mark.parametrize(
    ("call", "count"),
    [
        pytest.param(lambda a, b: a @ b, 2 * 3 * 4 * 5, id="infix"),
        pytest.param(lambda a, b: torch.einsum("ij,jk->ik", a, b), 2 * 3 * 4 * 5, id="einsum"),
        pytest.param(lambda a, b: F.linear(a, b.T), 2 * 3 * 4 * 5, id="linear"),
        pytest.param(lambda a, b: a[None] @ b[None], 2 * 3 * 4 * 5, id="batched"),
        pytest.param(lambda a, b: (a @ b) + (a @ b), 2 * 2 * 3 * 4 * 5, id="twice"),
        pytest.param(lambda a, b: a * 2, 0, id="element-wise"),
    ],
)
def test_flops_are_those_of_the_products(call, count: int):
    assert flops(call, torch.randn(3, 4), torch.randn(4, 5)) == count


def test_flops_tell_a_cache_from_recomputing_the_prefix():
    W = torch.randn(8, 8)

    def recompute(xs: torch.Tensor) -> None:
        for t in range(1, len(xs) + 1):
            xs[:t] @ W

    def cached(xs: torch.Tensor) -> None:
        for t in range(len(xs)):
            xs[t : t + 1] @ W

    xs = torch.randn(16, 8)
    assert flops(recompute, xs) == 8.5 * flops(cached, xs)
