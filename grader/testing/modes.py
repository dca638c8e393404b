"""A dispatch mode that starts at once."""

from torch.utils._python_dispatch import TorchDispatchMode


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
