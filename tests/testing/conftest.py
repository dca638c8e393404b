"""Helpers for hidden tests, called as hidden tests call them."""

from collections.abc import Callable, Iterator

import pytest
import torch

from grader.testing import Mismatch


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """The same draws each time, and one thread, as in a check: ranks are forked from here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def words() -> Callable[..., str]:
    """Calls what must raise Mismatch, and returns its message."""

    def call(function: Callable[..., object], *args: object, **kwargs: object) -> str:
        with pytest.raises(Mismatch) as info:
            function(*args, **kwargs)
        return str(info.value)

    return call
