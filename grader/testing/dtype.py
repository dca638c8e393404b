"""The dtype that comes out, for each that goes in."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from grader.testing.words import Mismatch, bare, named

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def assert_keeps_dtype(
    function: Callable[..., Any],
    *args: Any,
    dtypes: Sequence[torch.dtype] = FLOATS,
    **kwargs: Any,
) -> None:
    """Every floating tensor of the result has the dtype of the floating arguments.

    Args:
        function: Called once for each dtype.
        args, kwargs: Its arguments; the floating tensors among them are cast.

    Raises:
        Mismatch: Names what went in and what came out.
    """
    for dtype in dtypes:

        def cast(x: Tensor, dtype: torch.dtype = dtype) -> Tensor:
            return x.to(dtype) if x.is_floating_point() else x

        positional, keywords = tree_map_only(Tensor, cast, (args, kwargs))
        result = function(*positional, **keywords)
        found = [leaf.dtype for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        floating = [kind for kind in found if kind.is_floating_point]
        if not floating:
            raise Mismatch(f"the result holds no floating tensor: got {named(result)}")
        for kind in floating:
            if kind != dtype:
                raise Mismatch(f"the result is {bare(kind)} where the inputs are {bare(dtype)}")
