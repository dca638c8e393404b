"""Gradients by value: a right result with a detached or wrong gradient is wrong."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from grader.testing.compare import assert_close
from grader.testing.words import Mismatch


@dataclass(frozen=True, slots=True)
class Gradients:
    """What one forward and backward pass gave.

    Attributes:
        outputs, cotangents: The floating tensors of the result, and what was pulled back.
        inputs: The gradient of each leaf by its name; None where none arrived.
    """

    outputs: list[Tensor]
    cotangents: list[Tensor]
    inputs: dict[str, Tensor | None]


def gradients(
    function: Callable[..., Any],
    *args: Any,
    cotangents: list[Tensor] | None = None,
    names: tuple[str, ...] = (),
    **kwargs: Any,
) -> Gradients:
    """Run function on fresh leaves and pull back through its differentiable outputs.

    Args:
        function: A function or a module, whose parameters are then inputs as well.
        args, kwargs: Its arguments; every floating tensor among them becomes a leaf.
        cotangents: One for each floating output tensor; random ones if omitted.
        names: What to call the positional arguments; the function's own names if omitted.
    """
    leaves: dict[str, Tensor] = {}

    def leaf(name: str, value: Any) -> Any:
        if isinstance(value, Tensor) and value.is_floating_point():
            leaves[name] = value = value.detach().clone().requires_grad_()
        return value

    labels = [*names, *_parameters(function)[len(names) :]]
    labels += [f"input {i}" for i in range(len(labels), len(args))]
    called = [leaf(label, value) for label, value in zip(labels, args, strict=False)]
    keywords = {name: leaf(name, value) for name, value in kwargs.items()}
    if isinstance(function, nn.Module):
        # frozen ones have no gradient to ask for
        leaves |= {name: p for name, p in function.named_parameters() if p.requires_grad}

    outputs = list(_tensors(function(*called, **keywords)))
    if cotangents is None:
        cotangents = [torch.randn_like(output) for output in outputs]
    live = [
        (output, cotangent)
        for output, cotangent in zip(outputs, cotangents, strict=True)
        if output.requires_grad
    ]
    if not live:
        raise Mismatch(
            "the result is cut off from its inputs: no gradient flows back",
            "detach(), .data, .item(), torch.tensor(...) or no_grad() on the way does that",
        )
    # through a scalar: given cotangents, torch.autograd.grad imports sympy to look at their shapes
    scalars = [(output * cotangent).sum().double() for output, cotangent in live]
    found = torch.autograd.grad(
        torch.stack(scalars).sum(), list(leaves.values()), allow_unused=True
    )
    return Gradients(outputs, cotangents, dict(zip(leaves, found, strict=True)))


def _parameters(function: Callable[..., Any]) -> list[str]:
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        return list(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return []


def assert_same_gradients(
    actual: Callable[..., Any],
    expected: Callable[..., Any],
    *args: Any,
    names: tuple[str, ...] = (),
    rtol: float | None = None,
    atol: float | None = None,
    why: str | None = None,
    **kwargs: Any,
) -> None:
    """Compare results, then the gradient of each input (and parameter) by value.

    Both get the same random cotangents. Where the expected gradient is zero or
    absent, none and zeros are equally right.

    Raises:
        Mismatch: Names the input whose gradient differs.
    """
    names = names or tuple(_parameters(expected))
    want = gradients(expected, *args, names=names, **kwargs)
    result = list(_tensors(_detached_call(actual, *args, **kwargs)))
    if len(result) != len(want.outputs):
        raise Mismatch(f"expected {len(want.outputs)} result tensors, got {len(result)}")
    for i, (value, output) in enumerate(zip(result, want.outputs, strict=True)):
        label = "result" if len(result) == 1 else f"result[{i}]"
        assert_close(value.detach(), output.detach(), rtol=rtol, atol=atol, why=why, label=label)

    got_all = gradients(actual, *args, names=names, cotangents=want.cotangents, **kwargs)
    for name, gradient in want.inputs.items():
        got = got_all.inputs.get(name)
        if gradient is None and got is None:
            continue
        like = gradient if gradient is not None else got
        assert like is not None
        if got is None and like.any():
            raise Mismatch(
                f"no gradient reaches {name}: the result is cut off from it",
                "detach(), .data, .item() or no_grad() on the way does that",
            )
        assert_close(
            torch.zeros_like(like) if got is None else got,
            torch.zeros_like(like) if gradient is None else gradient,
            rtol=rtol,
            atol=atol,
            why=why,
            label=f"the gradient of {name}",
        )


def _detached_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with torch.no_grad():
        return function(*args, **kwargs)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The floating tensors of a result, in order."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
