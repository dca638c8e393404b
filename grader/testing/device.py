"""Whether a call would run on another device, told on a machine that has none.

During the call its inputs say that they lie on cpu:1. torch takes that for the CPU, so all
is computed as ever, data-dependent code too; but what is made without that device can be
told from what is. The two may meet only where torch lets a GPU's tensor meet a CPU's.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._pytree import tree_leaves

from grader.testing.words import Mismatch

THERE = torch.device("cpu", 1)
ADVICE = "pass device=x.device, or make it from an input: x.new_zeros(...), torch.ones_like(x)"
# made from a tensor, they stay where it is
FROM_TENSOR = ("tensor", "as_tensor", "asarray")
CONVERTS = ("to", "type_as", "cpu", *FROM_TENSOR)
# what a GPU's tensor takes from a CPU's: an index, values to copy, a shape, a dtype
TAKES_INDEX = ("__getitem__", "__setitem__", "index", "index_put", "index_put_", "tensor_split")
MAY_MIX = (
    "__get__", "__set__", "broadcast_tensors", "copy_", "expand_as", "is_same_size", "reshape_as",
    "result_type", "set_", "to", "type_as", "view_as",
)  # fmt: skip


def assert_follows_device(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """What a call makes lies on the device of its inputs, and so does its result.

    A tensor of no dimensions may come from the CPU, as on a GPU. What comes from neither
    side, such as a global of the attempt's or an array, is taken for either.

    Args:
        function: A function, or a module, whose parameters and buffers are inputs as well.
        args, kwargs: Its arguments, on the CPU.

    Raises:
        Mismatch: Names what was made elsewhere, and where; leads to the line that used it.
    """
    inputs = tree_leaves([args, kwargs])
    if isinstance(function, nn.Module):
        inputs += [*function.parameters(), *function.buffers()]
    mode = _Elsewhere([leaf for leaf in inputs if isinstance(leaf, Tensor)])
    try:
        with mode:
            result = function(*args, **kwargs)
    except _Apart as apart:
        raise Mismatch(*apart.words) from apart
    for leaf in tree_leaves(result):
        if isinstance(leaf, Tensor) and (origin := mode.origin(leaf)):
            words = f"the result lies on the CPU, wherever the inputs are: it comes from {origin}"
            raise Mismatch(words, ADVICE)


class _Apart(RuntimeError):
    """Raised where tensors of two devices meet: a traceback leads there."""

    def __init__(self, *words: str) -> None:
        super().__init__(*words)
        self.words = words


class _Elsewhere(TorchFunctionMode):
    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        # by id; what has no id here is unknown
        self._there = {id(tensor) for tensor in inputs}
        self._here: dict[int, str] = {}
        # held, so that no id is given twice
        self._held = list(inputs)

    def origin(self, tensor: Tensor) -> str | None:
        """What made a tensor on the CPU; None for all others."""
        return self._here.get(id(tensor))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return THERE if id(args[0]) in self._there else func(*args, **kwargs)
        if name == "device":
            return THERE if _is_there(args[0]) else func(*args, **kwargs)
        given = [leaf for leaf in tree_leaves([args, kwargs]) if isinstance(leaf, Tensor)]
        self._keep_apart(name, given)
        made = self._device(func, name, given, args, kwargs)
        result = func(*args, **kwargs)
        if name in CONVERTS and any(result is tensor for tensor in given):
            # on a GPU, another tensor
            result = result.view_as(result)
        old = {id(tensor) for tensor in given}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and id(leaf) not in old:
                self._held.append(leaf)
                if made is True:
                    self._there.add(id(leaf))
                elif made is not None:
                    self._here[id(leaf)] = made
        return result

    def _keep_apart(self, name: str, given: Sequence[Tensor]) -> None:
        here = [tensor for tensor in given if id(tensor) in self._here and tensor.dim() > 0]
        there = [tensor for tensor in given if id(tensor) in self._there]
        if not here or not there or name in MAY_MIX:
            return
        if name in TAKES_INDEX and (id(given[0]) in self._there or name == "__setitem__"):
            return
        raise _Apart(
            f"{self._here[id(here[0])]} makes a tensor on the CPU, wherever the inputs are",
            "with inputs on a GPU, that is an error where it meets them",
            ADVICE,
        )

    def _device(
        self,
        func: Callable[..., Any],
        name: str,
        given: Sequence[Tensor],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Literal[True] | str | None:
        """Where a function's result lies: True for there, its origin for here, or None."""
        made_here = f"{name} in line {_line()}"
        to = [kwargs.get("device"), *(arg for arg in args if isinstance(arg, torch.device))]
        if name == "to" and len(args) > 1 and isinstance(args[1], str):
            to.append(args[1])
        for device in to:
            if device is not None:
                return True if _is_there(device) else made_here
        if name == "cpu":
            return made_here
        followed = list(given)
        if name in ("to", "type_as") and len(given) > 1:
            followed = [given[1]]
        elif func in _device_constructors():
            followed = [x for x in args[:1] if isinstance(x, Tensor) and name in FROM_TENSOR]
            if not followed:
                return made_here
        if any(id(tensor) in self._there for tensor in followed):
            return True
        return next((self._here[id(x)] for x in followed if id(x) in self._here), None)


def _is_there(device: Any) -> bool:
    if device == "cpu":
        # x.device.type is a string of its own, the name written out in a program is not
        return device is not sys.intern("cpu")
    return device in (THERE, str(THERE))


def _line() -> int:
    """The line of the attempt that is running."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(("torch", "grader.")):
        frame = frame.f_back
    return frame.f_lineno
