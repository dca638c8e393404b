"""Words for values: what every message to a learner is made of."""

import torch
from torch import Tensor

PLAIN_TENSORS = (Tensor, torch.nn.Parameter)


class Mismatch(AssertionError):
    """A claim that does not hold: one headline, and facts below it, a line each."""

    def __init__(self, headline: str, *facts: str) -> None:
        super().__init__("\n".join((headline, *facts)))
        self.headline = headline
        self.facts = facts


def named(value: object) -> str:
    """A value's type with its article, and what else tells it apart: "a list of 3"."""
    if value is None:
        return "None"
    kind = type(value)
    if kind is Tensor and isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}, {bare(value.dtype)}"
    if has_type(value, list, tuple, dict, set):
        assert isinstance(value, list | tuple | dict | set)
        return f"a {kind.__name__} of {len(value)}"
    name = kind.__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    if isinstance(value, Tensor):
        return f"{article} {name}, a subclass of Tensor"
    if has_type(value, int, float, bool, str, bytes):
        return f"{article} {name}, {show(value)}"
    return f"{article} {name}"


def has_type(value: object, *kinds: type) -> bool:
    """By identity: a class may claim to equal another."""
    return any(type(value) is kind for kind in kinds)


def bare(dtype: torch.dtype | torch.layout) -> str:
    return str(dtype).removeprefix("torch.")


def place(index: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, index)) + "]"


def show(value: object, limit: int = 200) -> str:
    """A value in one short line."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    try:
        text = f"{value:.6g}" if type(value) is float else repr(value)
    except BaseException as error:
        # an attempt's own class; what is wrong with its __repr__ is not the point here
        text = f"<{type(value).__name__}, whose __repr__ raises {type(error).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def versus(expected: object, actual: object) -> str:
    """Both values, with as many digits as it takes to tell them apart."""
    values = [v.item() if isinstance(v, Tensor) else v for v in (expected, actual)]
    want, got = map(show, values)
    if want == got and all(type(value) is float for value in values):
        want, got = map(repr, values)
    return f"expected {want}, got {got}"
