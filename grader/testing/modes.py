"""A dispatch mode that starts at once."""

from contextlib import AbstractContextManager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes


def quiet() -> AbstractContextManager[Any]:
    """What runs in here is not the attempt's: no mode that measures it takes part."""
    return _disable_current_modes()


class DispatchMode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """TorchDispatchMode without the guard for torch.compile, whose first use imports
    torch._dynamo and sympy: more than a second."""

    # flex_attention and the like pass through as one operator
    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
