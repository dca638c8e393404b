"""Efficiency without a clock: the largest tensor made, and the multiplications done."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from grader.testing.modes import DispatchMode


def largest_intermediate(function: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    """The elements of the largest tensor that a call allocates, its result included.

    Inputs and views of them do not count; an expanded tensor counts what it stores.
    """
    with _Allocations((args, kwargs)) as allocations:
        function(*args, **kwargs)
    largest: int = allocations.largest
    return largest


def flops(function: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    """The floating-point operations of a call's matrix products and convolutions.

    Element-wise work is not counted, so compare with a wide margin.
    """
    # 140 ms on its first use
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        function(*args, **kwargs)
    return int(counter.get_total_flops())


class _Allocations(DispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, inputs: Any) -> None:
        super().__init__()
        self.largest = 0
        tensors = [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)]
        self.given = {tensor.untyped_storage()._cdata for tensor in tensors}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.layout == torch.strided:
                storage = leaf.untyped_storage()
                if storage._cdata not in self.given:
                    self.largest = max(self.largest, storage.nbytes() // leaf.element_size())
        return result
