"""What a hidden test can ask for."""

import types
from hashlib import blake2b

import pytest
import torch

from grader.judge.child.start import on_gpu
from grader.judge.protocol import Task


class Fixtures:
    """A pytest plugin: the fixtures attempt, reference, device and seed.

    Attributes:
        loaded: The modules, by the name of their fixture.
    """

    def __init__(self, task: Task) -> None:
        self._seed = task.seed
        self.device_type = "cuda" if on_gpu(task) else "cpu"
        self.loaded: dict[str, types.ModuleType] = {}

    def seed_of(self, test: str) -> int:
        """Each test's own seed, the same whatever ran before it."""
        text = f"{self._seed}/{test}".encode()
        return int.from_bytes(blake2b(text, digest_size=4).digest(), "big") >> 1

    @pytest.fixture
    def attempt(self) -> types.ModuleType:
        """The learner's module."""
        return self.loaded["attempt"]

    @pytest.fixture
    def reference(self) -> types.ModuleType:
        """The solution's module."""
        return self.loaded["reference"]

    @pytest.fixture
    def device(self) -> torch.device:
        """Where tensors go."""
        return torch.device(self.device_type)

    @pytest.fixture
    def seed(self, request: pytest.FixtureRequest) -> int:
        """This test's own seed."""
        return self.seed_of(request.node.name)
