"""assert_unchanged: arguments that a call must leave as they were."""

import math

import numpy
import pytest
import torch

from grader.testing import assert_unchanged


def leaf() -> torch.Tensor:
    return torch.ones(3, requires_grad=True)


CHANGES = {
    "x.mul_": (lambda x: x.mul_(2), torch.ones(3)),
    "an item of a tensor": (lambda x: x.__setitem__(0, 5), torch.ones(3)),
    "through a view": (lambda x: x.view(-1)[1:].zero_(), torch.ones(2, 2)),
    "through detach": (lambda x: x.detach().zero_(), leaf()),
    "through data": (lambda x: x.data.zero_(), torch.ones(3)),
    "through numpy": (lambda x: x.numpy().fill(7), torch.ones(3)),
    "by out=": (lambda x: torch.add(x, 1, out=x), torch.ones(3)),
    "its shape": (lambda x: x.resize_(1), torch.ones(3)),
    "integers": (lambda x: x.add_(1), torch.arange(3)),
    "booleans": (lambda x: x.logical_not_(), torch.tensor([True])),
    "NaN in place of a number": (lambda x: x.fill_(math.nan), torch.ones(3)),
    "a number in place of NaN": (lambda x: x.nan_to_num_(), torch.tensor([math.nan])),
    "a tensor without values": (lambda x: x.mul_(2), torch.ones(3, device="meta")),
    "an array": (lambda x: x.sort(), numpy.array([2, 1])),
    "the shape of an array": (lambda x: setattr(x, "shape", (4,)), numpy.ones((2, 2))),
    "a list that grows": (lambda x: x.append(1), [1]),
    "a list that is sorted": (lambda x: x.sort(), [2, 1]),
    "a list that is emptied": (lambda x: x.clear(), [1]),
    "an item of a list": (lambda x: x.__setitem__(0, 5), [1]),
    "an item of another type": (lambda x: x.__setitem__(0, True), [1]),
    "a tensor in place of another": (lambda x: x.__setitem__(0, torch.ones(1)), [torch.ones(1)]),
    "a list in a list": (lambda x: x[1].pop(), [0, [1]]),
    "a list in a tuple": (lambda x: x[0].pop(), ([1],)),
    "a tensor in a dict in a list": (lambda x: x[0]["a"].zero_(), [{"a": torch.ones(1)}]),
    "a dict that grows": (lambda x: x.update(b=1), {"a": 1}),
    "a value of a dict": (lambda x: x.update(a=2), {"a": 1}),
    "a key for another": (lambda x: x.update(b=x.pop("a")), {"a": 1}),
    "None for nothing": (lambda x: x.update(b=x.pop("a")), {"a": None}),
    "a set": (lambda x: x.add(2), {1}),
    "bytes": (lambda x: x.append(1), bytearray(b"a")),
}


@pytest.mark.parametrize(("change", "value"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(words, change, value):
    assert "was changed in place" in words(assert_unchanged, change, value)


WRITES = {
    "times one": lambda x: x.mul_(1),
    "taken back": lambda x: x.add_(1).sub_(1),
    "its own values": lambda x: x.copy_(x.clone()),
    "through a view": lambda x: x.view(-1)[0].clamp_(min=0),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_changes_no_value_is_seen(words, write):
    said = words(assert_unchanged, write, torch.ones(3))

    assert said.startswith("argument 0 was written to in place, with the values that it had\n")


def test_of_two_views_the_one_that_changed_is_named(words):
    q, k = torch.ones(2, 3)

    said = words(assert_unchanged, lambda q, k: k.mul_(2), q, k)

    assert said.startswith("argument 1 was changed in place\n")


KEPT = {
    "arithmetic": (lambda x: x * 2 + 1, torch.ones(3)),
    "a clone that is changed": (lambda x: x.clone().mul_(2), torch.ones(3)),
    "a view": (lambda x: x.view(-1)[0], torch.ones(3)),
    "a tensor that holds NaN": (lambda x: x + 1, torch.tensor([math.nan, 1.0])),
    "an array that holds NaN": (lambda x: x + 1, numpy.array([math.nan, 1.0])),
    "an array of text": (lambda x: x.tolist(), numpy.array(["a", "b"])),
    "no element": (lambda x: x + 1, torch.empty(0)),
    "a tensor without values": (lambda x: x * 2, torch.ones(3, device="meta")),
    "a copy that may be none": (lambda x: x.contiguous().to(x.dtype).detach(), torch.ones(3)),
    "a leaf from now on": (lambda x: x.requires_grad_(), torch.ones(3)),
    "8 bits": (lambda x: x.float(), torch.ones(3).to(torch.float8_e4m3fn)),
    "a backward pass": (lambda x: x.sum().backward(), leaf()),
    "a list that is read": (lambda x: sorted(x), [2, 1]),
    "a change that is taken back": (lambda x: (x.append(1), x.pop()), [1, 2]),
    "an equal value for a value": (lambda x: x.__setitem__(0, "ab" * 2), ["abab"]),
    "a list that holds NaN": (lambda x: list(x), [math.nan]),
    "nested": (lambda x: [*x], [{"a": [torch.ones(2), {1}]}, (1, None)]),
    "an object": (lambda x: x, object()),
    "text": (lambda x: x + "b", "a"),
}


@pytest.mark.parametrize(("call", "value"), KEPT.values(), ids=KEPT)
def test_reading_is_no_change(call, value):
    assert_unchanged(call, value)


def test_tensors_of_inference_mode_have_values_only(words):
    with torch.inference_mode():
        x = torch.ones(3)
        assert_unchanged(lambda x: x * 2, x)
        assert "was changed in place" in words(assert_unchanged, lambda x: x.mul_(2), x)


def test_the_result_is_returned():
    assert assert_unchanged(lambda x, *, y: (x, y), 1, y=2) == (1, 2)


def test_the_argument_and_its_place_within_are_named(words):
    state = {"m": [torch.ones(1), torch.ones(1)]}

    def step(x: torch.Tensor, *, state: dict[str, list[torch.Tensor]]) -> None:
        state["m"][1].zero_()

    said = words(assert_unchanged, step, torch.ones(1), state=state)
    assert said.startswith("state['m'][1] was changed in place\n")
    assert words(assert_unchanged, lambda x, y: y.zero_(), 1, torch.ones(1)).startswith(
        "argument 1"
    )


def test_what_the_call_raises_is_passed_on():
    def fail(x: torch.Tensor) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        assert_unchanged(fail, torch.ones(1))
