"""assert_follows_device: what a GPU would refuse is refused, what it would take is taken."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grader.testing import Mismatch, assert_follows_device, forbidden

x = torch.randn(2, 3, 4, 8)
positions = torch.arange(4)


def rope(x: torch.Tensor, positions: torch.Tensor, device: torch.device | None) -> torch.Tensor:
    frequency = 10.0 ** (-torch.arange(0, 8, 2, device=device) / 8)
    angle = positions[:, None] * frequency
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat([x1 * angle.cos() - x2 * angle.sin(), x1 * angle.sin() + x2 * angle.cos()], -1)


def in_context(x: torch.Tensor) -> torch.Tensor:
    with torch.device(x.device):
        return x + torch.arange(8)


def without_autocast(x: torch.Tensor) -> torch.Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return x @ x.mT


def filled(x: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(x)
    out[0] = torch.ones(8)
    out[:, 0] = x[:, 1]
    return out


def filled_on_the_cpu(x: torch.Tensor) -> torch.Tensor:
    out = torch.zeros(2, 3, 4, 8)
    for b in range(2):
        out[b] = x[b]
    return out


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * x.new_full((8,), 2)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


GOOD = {
    "the device of an input": lambda x: x + torch.arange(8, device=x.device),
    "its type": lambda x: x + torch.zeros(8, device=x.device.type),
    "its name": lambda x: x + torch.zeros(8, device=str(x.device)),
    "a device of its type": lambda x: x + torch.zeros(8, device=torch.device(x.device.type)),
    "a context": in_context,
    "moved by device": lambda x: x + torch.zeros(8).to(x.device),
    "moved by device and dtype": lambda x: x + torch.zeros(8).to(x.device, torch.float64),
    "moved by an input": lambda x: x + torch.zeros(8).to(x),
    "moved by the type of an input": lambda x: x + torch.zeros(8).type_as(x),
    "made from an input": lambda x: x + x.new_zeros(8) + torch.ones_like(x),
    "a mask, moved": lambda x: x.masked_fill(torch.ones(4, 8).triu().bool().to(x.device), 0),
    "a number": lambda x: x * torch.tensor(2.0) + torch.tensor(1),
    "a number in where": lambda x: torch.where(x > 0, x, torch.tensor(0.0)),
    "an index": lambda x: x[:, :, torch.arange(2)],
    "a mask as index": lambda x: x[..., torch.ones(8, dtype=torch.bool)],
    "values that are copied": filled,
    "a shape": lambda x: x[0, 0, 0].expand_as(torch.zeros(4, 8)) + x[0, 0],
    "data-dependent": lambda x: x * torch.tensor(x.cpu().sum().item()),
    "there and back": lambda x: x + (x.cpu() * torch.ones(8)).to(x.device),
    "a call that is no copy": lambda x: x + torch.as_tensor(x) + x.to(x.dtype) + x.to(x.device),
    "no autocast": without_autocast,
    "an autograd function": lambda x: Double.apply(x) + x,
    "vmap": lambda x: torch.vmap(lambda row: row * row.new_ones(8))(x),
    "within torch's functions": lambda x: x * F.one_hot(x.long().clamp(0, 7)[..., 0], 8),
    "a list of tensors": lambda x: torch.stack([x[0], x[1]]).unbind(0),
    "nothing at all": lambda x: None,
}


@pytest.mark.parametrize("function", GOOD.values(), ids=GOOD)
def test_what_a_gpu_would_take_is_taken(function):
    assert_follows_device(function, x)


BAD = {
    "a range": lambda x: x + torch.arange(8),
    "the CPU by name": lambda x: x + torch.zeros(8, device="cpu"),
    "the CPU as a device": lambda x: x + torch.zeros(8, device=torch.device("cpu")),
    "a mask": lambda x: x.masked_fill(torch.ones(4, 8).triu().bool(), 0),
    "a condition": lambda x: torch.where(torch.ones(8) > 0, x, 0.0),
    "a list": lambda x: x * torch.tensor([1.0] * 8),
    "a list of numbers of an input": lambda x: x * torch.tensor([x[0, 0, 0, 0]] * 8),
    "something derived": lambda x: x * torch.ones(8).cumsum(0).exp()[None],
    "a table that is indexed": lambda x: torch.arange(9.0)[x.argmax(-1)],
    "an index of gather": lambda x: x.gather(-1, torch.zeros(2, 3, 4, 1).long()),
    "concatenated": lambda x: torch.cat([x, torch.zeros(1, 3, 4, 8)]),
    "a matrix": lambda x: x @ torch.eye(8),
    "in place": lambda x: x.clone().add_(torch.ones(8)),
    "moved to the CPU": lambda x: x.cpu() + x,
    "moved to the CPU by name": lambda x: x.to("cpu") + x,
    "within an autograd function": lambda x: Spoilt.apply(x),
}


class Spoilt(Double):
    @staticmethod
    def forward(ctx, x):
        return x * torch.full((8,), 2.0)


@pytest.mark.parametrize("function", BAD.values(), ids=BAD)
def test_what_a_gpu_would_refuse_is_refused(words, function):
    said = words(assert_follows_device, function, x)

    assert "makes a tensor on the CPU, wherever the inputs are" in said


@pytest.mark.parametrize(
    "function", [lambda x: torch.zeros(3), lambda x: x.cpu(), filled_on_the_cpu, lambda x: {"a": (
        x, torch.ones(3))}], ids=["zeros", "moved", "filled", "in a dict"]
)  # fmt: skip
def test_a_result_on_the_cpu_is_refused(words, function):
    said = words(assert_follows_device, function, x)

    assert said.startswith("the result lies on the CPU, wherever the inputs are: it comes from ")


def test_the_function_and_its_line_are_named_and_the_use_is_in_the_traceback():
    with pytest.raises(Mismatch) as info:
        assert_follows_device(rope, x, positions, None)

    line = rope.__code__.co_firstlineno + 1
    assert info.value.headline == (
        f"arange in line {line} makes a tensor on the CPU, wherever the inputs are"
    )
    frames = []
    tb = info.value.__cause__.__traceback__
    while tb:
        frames.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
        tb = tb.tb_next
    assert ("rope", line + 1) in frames


def test_arguments_by_name_and_in_lists_are_inputs():
    def add(pairs: list[torch.Tensor], *, bias: torch.Tensor) -> torch.Tensor:
        return pairs[0] + pairs[1] + torch.zeros(3, device=bias.device) + bias

    assert_follows_device(add, [torch.ones(3), torch.ones(3)], bias=torch.ones(3))


def test_the_line_is_the_attempts_while_functions_are_forbidden():
    def guarded(x):
        with forbidden("softmax"):
            return rope(x, positions, None)

    with pytest.raises(Mismatch) as info:
        assert_follows_device(guarded, x)

    assert info.value.headline.startswith(f"arange in line {rope.__code__.co_firstlineno + 1} ")


class Scaled(nn.Module):
    def __init__(self, device: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.register_buffer("table", torch.arange(8.0))
        self.device = device

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(4, 8, device=x.device if self.device else None)
        return self.linear(x) * self.table * mask


def test_the_parameters_and_buffers_of_a_module_are_inputs(words):
    assert_follows_device(Scaled(device=True), x)
    assert "ones in line" in words(assert_follows_device, Scaled(device=False), x)


def test_what_cannot_be_told_is_taken_for_either():
    table = torch.arange(8.0)
    assert_follows_device(lambda x: x * table + torch.from_numpy(table.numpy()), x)


def test_what_the_call_raises_is_passed_on():
    with pytest.raises(RuntimeError, match="size"):
        assert_follows_device(lambda x: x @ x, x)


def test_values_are_computed_as_ever_and_nothing_stays_behind():
    results = []
    assert_follows_device(lambda x: results.append(rope(x, positions, x.device)), x)

    assert torch.equal(results[0], rope(x, positions, None))
    assert x.device == torch.zeros(1).device == results[0].device
