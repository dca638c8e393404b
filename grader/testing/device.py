"""Whether a function works where its inputs are, without a second device to try it on."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from grader.testing.words import Mismatch

# what takes a tensor from one device to another, or an index from anywhere
ACROSS = {"to", "type_as", "cuda", "copy_", "__getitem__", "__setitem__"}


class _Apart(RuntimeError):
    """Two tensors met that would be on two devices."""


def assert_follows_device(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Claim that what function makes is on the device of its inputs, and so is its result.

    All is computed where it is; a tensor that is made without being told where counts as
    being on another device than the inputs, until it is moved.
    """
    with _Elsewhere() as elsewhere:
        try:
            result = function(*args, **kwargs)
        except _Apart as error:
            raise Mismatch(
                "a tensor made here is not on the device of the inputs",
                "on a GPU this fails: give device=, or make the tensor from an input",
            ) from error
    if any(map(elsewhere.is_here, _tensors(result))):
        raise Mismatch("the result is not on the device of the inputs")


class _Elsewhere(TorchFunctionMode):
    """As if the inputs were on another device than torch's default."""

    def __init__(self) -> None:
        super().__init__()
        # by identity: == compares values. They are kept, so that no other takes their place
        self._here: dict[int, Tensor] = {}

    def is_here(self, tensor: Tensor) -> bool:
        return id(tensor) in self._here

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name, tensors = getattr(func, "__name__", ""), list(_tensors((args, kwargs)))
        if name in ACROSS:
            here = self.is_here(args[0]) and not _names_a_place(args[1:], kwargs)
        elif not tensors:
            here = func in _device_constructors() and kwargs.get("device") is None
        else:
            here = self._meet(tensors)
        for tensor in _tensors(result):
            # what is moved to where it is already is the same tensor
            self._here.pop(id(tensor), None)
            if here:
                self._here[id(tensor)] = tensor
        return result

    def _meet(self, tensors: list[Tensor]) -> bool:
        """Whether the result of a function of these tensors is here."""
        # a single number may come from anywhere
        places = {self.is_here(tensor) for tensor in tensors if tensor.dim()}
        if len(places) == 2:
            raise _Apart
        return places == {True}


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def _names_a_place(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether x.to() and the like are told where: by a device, or by another tensor."""
    places = [value for value in args if isinstance(value, torch.device | str | Tensor)]
    return bool(places) or not kwargs.keys().isdisjoint({"device", "other"})
