"""Solutions against what is not ours: libraries, hand-worked numbers, exact results."""

import types
from pathlib import Path

import pytest

from grader.judge.child.attempt import load_module

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def solution(request: pytest.FixtureRequest) -> types.ModuleType:
    """The solution that the test file is about, told by where it lies."""
    track, slug = request.path.parent.name, request.path.stem.removeprefix("test_")
    return load_module(f"solution_{slug}", str(ROOT / "solutions" / track / f"{slug}.py"))
