"""assert_follows_device: what a function makes is where its inputs are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from grader.testing import Mismatch, assert_follows_device

x = torch.ones(2, 3)

FOLLOW = {
    "device of an input": lambda x: x.tril() + torch.ones(3, device=x.device),
    "made from an input": lambda x: x * x.new_ones(3) + torch.zeros_like(x),
    "made here, then moved": lambda x: x + torch.arange(3).to(x.device),
    "moved with a new dtype": lambda x: x + torch.arange(3).to(x) + torch.ones(3).type_as(x),
    "numbers": lambda x: x.masked_fill(x > 0, float("-inf")) * 2 + torch.tensor(1.0),
    "an index": lambda x: x[torch.tensor([1, 0])] + x[:, torch.arange(3)],
    "several results": lambda x: (x, [x + 1, None]),
    "a look at values": lambda x: x[x > 0] if (x > 0).any() else -x,
    "a list": lambda x: torch.tensor(x.tolist(), device=x.device) * x,
    "values put in": lambda x: torch.zeros_like(x).index_fill_(0, (x[0] > 0).long(), 1.0),
}
STAY = {
    "added": lambda x: x + torch.ones(3),
    "in place": lambda x: x.clone().mul_(torch.ones(3)),
    "moved to a dtype only": lambda x: x + torch.ones(3).to(torch.float32),
    "something made of it": lambda x: x * (torch.arange(3)[None] + 1).float().exp(),
    "a mask": lambda x: x.masked_fill(torch.ones(3, dtype=torch.bool), 0),
    "torch.where": lambda x: torch.where(torch.ones(3, dtype=torch.bool), x, 0),
    "an index of gather": lambda x: x.gather(1, torch.zeros(2, 1, dtype=torch.int64)),
    "a list of tensors": lambda x: torch.cat([x, torch.ones(2, 3)]),
    "einsum": lambda x: torch.einsum("ij, j -> i", x, torch.ones(3)),
    "the result": lambda x: torch.zeros(x.shape),
    "one of the results": lambda x: (x, {"mask": torch.zeros(x.shape)}),
}


@pytest.mark.parametrize("function", FOLLOW.values(), ids=FOLLOW)
def test_a_function_that_follows_its_inputs_passes(function: Callable[[Tensor], object]) -> None:
    assert_follows_device(function, x)


@pytest.mark.parametrize("function", STAY.values(), ids=STAY)
def test_a_function_that_stays_where_it_is_fails(function: Callable[[Tensor], object]) -> None:
    with pytest.raises(Mismatch, match="on the device of the inputs"):
        assert_follows_device(function, x)


def test_inputs_may_be_given_by_name() -> None:
    with pytest.raises(Mismatch, match="device"):
        assert_follows_device(lambda *, x: x + torch.ones(3), x=x)


def test_a_module_is_where_its_inputs_are() -> None:
    layer = torch.nn.Linear(3, 3)

    assert_follows_device(layer, x)
    with pytest.raises(Mismatch, match="device"):
        assert_follows_device(lambda x: layer(x + torch.ones(3)), x)


def test_errors_are_the_functions_own() -> None:
    with pytest.raises(RuntimeError, match="shape"):
        assert_follows_device(lambda x: x.view(4, 4), x)
    with pytest.raises(NotImplementedError):
        assert_follows_device(_stub, x)


def _stub(x: Tensor) -> Tensor:
    raise NotImplementedError
