"""The solution against torch.distributed's own all_reduce, in the same ranks."""

import pytest
import torch
import torch.distributed as dist

from grader.testing import run_ranks


def both(solution, rank, tensor, group=None):
    """The solution's result, and that of gloo's all_reduce on a copy."""
    expected = tensor.clone()
    dist.all_reduce(expected, group=group)
    return solution.ring_all_reduce(tensor, group), expected


@pytest.mark.parametrize("W", [1, 2, 3, 5])
def test_matches_gloo(solution, W):
    shapes = [(), (1,), (3, 4), (5, 7), (2, 3, 11), (0,)]
    inputs = [[torch.randn(shape, dtype=torch.float64) for shape in shapes] for _ in range(W)]

    for answers in run_ranks(lambda rank: [both(solution, rank, x) for x in inputs[rank]], W):
        for result, expected in answers:
            torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int32])
def test_matches_gloo_in_every_dtype(solution, dtype):
    # sums of small integers are exact, whatever the order of the additions
    inputs = [torch.randint(-20, 20, (6, 7)).to(dtype) for _ in range(4)]

    for result, expected in run_ranks(lambda rank: both(solution, rank, inputs[rank]), 4):
        torch.testing.assert_close(result, expected, rtol=0, atol=0)


def test_matches_gloo_in_overlapping_groups(solution):
    inputs = [torch.randn(4, 5, dtype=torch.float64) for _ in range(4)]

    def run(rank):
        first, second = dist.new_group([0, 1, 3]), dist.new_group([1, 2])
        answers = []
        if rank in (0, 1, 3):
            answers.append(both(solution, rank, inputs[rank], first))
        if rank in (1, 2):
            answers.append(both(solution, rank, inputs[rank], second))
        return answers

    for answers in run_ranks(run, 4):
        for result, expected in answers:
            torch.testing.assert_close(result, expected)
