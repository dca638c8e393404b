"""Ranks are forked processes that talk over gloo, whose send waits for its receive."""

import time

import pytest
import torch
import torch.distributed as dist

from grader.testing import assert_close, assert_equal, run_ranks


def make_inputs(W, *shape, dtype=torch.float64):
    return [torch.randn(shape, dtype=dtype) for _ in range(W)]


def all_reduce(attempt, inputs):
    return run_ranks(lambda rank: attempt.ring_all_reduce(inputs[rank]), len(inputs))


def messages(attempt, inputs):
    """For each rank the (receiver, bytes) of what it sent, in the order of sending."""

    def run(rank):
        sent, send = [], dist.ProcessGroup.send

        def noted(group, tensors, receiver, tag):
            sent.append((receiver, sum(x.numel() * x.element_size() for x in tensors)))
            return send(group, tensors, receiver, tag)

        dist.ProcessGroup.send = noted
        attempt.ring_all_reduce(inputs[rank])
        return sent

    return run_ranks(run, len(inputs))


def assert_each_rank_holds(results, expected):
    for rank, result in enumerate(results):
        assert_close(result, expected, label=f"the result of rank {rank}")


@pytest.mark.parametrize("W", [2, 3, 4], ids=lambda W: f"{W}-ranks")
def test_every_rank_gets_the_sum(attempt, W):
    # 35 elements: no multiple of 2, 3 or 4
    inputs = make_inputs(W, 5, 7)
    expected = torch.stack(inputs).sum(dim=0)

    assert_each_rank_holds(all_reduce(attempt, inputs), expected)


def test_any_shape_is_summed(attempt):
    # the first is a multiple of 4, the third has fewer elements than ranks
    shapes = [(4, 6), (2, 1, 3), (2,), (), (0, 3)]
    inputs = [make_inputs(4, *shape) for shape in shapes]
    expected = [torch.stack(ranks).sum(dim=0) for ranks in inputs]

    results = run_ranks(lambda rank: [attempt.ring_all_reduce(x[rank]) for x in inputs], 4)
    for rank, of_rank in enumerate(results):
        for shape, result, total in zip(shapes, of_rank, expected, strict=True):
            assert_close(result, total, label=f"the result of rank {rank} for shape {shape}")


def test_strided_tensors_are_summed(attempt):
    inputs = [x.T for x in make_inputs(3, 5, 4)]
    expected = torch.stack(inputs).sum(dim=0)

    assert_each_rank_holds(all_reduce(attempt, inputs), expected)


def test_one_rank_alone_gets_a_copy(attempt):
    inputs = make_inputs(1, 5, 7)

    def run(rank):
        result = attempt.ring_all_reduce(inputs[rank])
        copy = result.clone()
        result.zero_()
        return copy, inputs[rank]

    [(result, tensor)] = run_ranks(run, 1)
    assert_close(result, inputs[0])
    assert_equal(tensor, inputs[0], label="tensor, after the caller changed the result")


def test_the_tensor_stays_as_it_was(attempt):
    inputs = make_inputs(3, 5, 7)

    def run(rank):
        attempt.ring_all_reduce(inputs[rank]).zero_()
        return inputs[rank]

    for rank, tensor in enumerate(run_ranks(run, 3)):
        assert_equal(tensor, inputs[rank], label=f"tensor of rank {rank}, after the call")


def test_sums_in_the_dtype_of_the_tensor(attempt):
    # integers whose sums each dtype holds exactly, in any order
    limits = {torch.int64: 2**60, torch.float32: 1000, torch.bfloat16: 40}
    inputs = [[torch.randint(-m, m, (5, 7)).to(d) for _ in range(3)] for d, m in limits.items()]
    expected = [x + y + z for x, y, z in inputs]

    results = run_ranks(lambda rank: [attempt.ring_all_reduce(x[rank]) for x in inputs], 3)
    for rank, result in enumerate(results):
        assert_equal(result, expected, label=f"the results of rank {rank}")


def test_all_ranks_get_the_same_bits(attempt):
    # 1,000 sums of four float32: added in another order, some of them round otherwise
    results = all_reduce(attempt, make_inputs(4, 1000, dtype=torch.float32))

    for rank, result in enumerate(results[1:], start=1):
        assert_equal(result, results[0], label=f"the result of rank {rank}, against that of rank 0")


def test_each_group_sums_over_its_own_ranks(attempt):
    inputs = make_inputs(4, 5, 7)
    even, odd = inputs[0] + inputs[2], inputs[1] + inputs[3]

    def run(rank):
        # every rank must take part in making every group
        groups = [dist.new_group([0, 2]), dist.new_group([1, 3])]
        return attempt.ring_all_reduce(inputs[rank], groups[rank % 2])

    for rank, result in enumerate(run_ranks(run, 4)):
        assert_close(result, odd if rank % 2 else even, label=f"the result of rank {rank}")


def test_calls_in_a_row_do_not_mix(attempt):
    x, y = make_inputs(3, 5, 7), make_inputs(3, 11)
    sum_x, sum_y = torch.stack(x).sum(dim=0), torch.stack(y).sum(dim=0)

    def run(rank):
        return [attempt.ring_all_reduce(inputs[rank]) for inputs in (x, y, x)]

    for rank, results in enumerate(run_ranks(run, 3)):
        expected = [sum_x, sum_y, sum_x]
        assert_close(results, expected, label=f"the results of rank {rank}")


def test_a_rank_may_come_late(attempt):
    inputs = make_inputs(3, 5, 7)
    expected = torch.stack(inputs).sum(dim=0)

    def run(rank):
        time.sleep(0.2 if rank == 1 else 0)
        return attempt.ring_all_reduce(inputs[rank])

    assert_each_rank_holds(run_ranks(run, 3), expected)


def test_the_result_may_be_changed_at_once(attempt):
    W = 3
    inputs = make_inputs(W, 5, 7)
    expected = torch.stack(inputs).sum(dim=0)

    def run(rank):
        received, recv = [], dist.ProcessGroup.recv

        def late(group, tensors, sender, tag):
            received.append(sender)
            if len(received) == 2 * (W - 1):
                time.sleep(0.2)
            return recv(group, tensors, sender, tag)

        if rank == 1:
            # takes its last message when rank 0, which sends it, could long be done
            dist.ProcessGroup.recv = late
        result = attempt.ring_all_reduce(inputs[rank])
        copy = result.clone()
        result.zero_()
        return copy

    assert_each_rank_holds(run_ranks(run, W), expected)


@pytest.mark.parametrize("W", [1, 2, 4], ids=lambda W: f"{W}-ranks")
def test_each_rank_sends_two_messages_for_every_other_rank(attempt, W):
    sent = messages(attempt, make_inputs(W, 5, 7))

    for rank in range(W):
        assert_equal(len(sent[rank]), 2 * (W - 1), label=f"the number of messages of rank {rank}")


def test_no_message_is_larger_than_one_chunk(attempt):
    # 143 float32 over 4 ranks: ceil(143 / 4) = 36 elements of 4 bytes
    sent = messages(attempt, make_inputs(4, 11, 13, dtype=torch.float32))

    largest = max((size for rank in sent for _, size in rank), default=0)
    assert largest <= 144, f"a message holds {largest} bytes; a chunk of 36 float32 is 144"


def test_messages_go_to_the_next_rank_only(attempt):
    sent = messages(attempt, make_inputs(4, 5, 7))

    for rank in range(4):
        receivers = {receiver for receiver, _ in sent[rank]}
        assert_equal(receivers, {(rank + 1) % 4}, label=f"the receivers of rank {rank}'s messages")


bench = (
    "ranks on one machine share its cores and memory, so their time says nothing of a network; "
    "the tests count messages and their elements"
)
