"""kata verify on benchmarks: one that is sound, and one fault each."""

from collections.abc import Callable
from typing import Any

import pytest

BENCH = '''

def bench(attempt, size, device):
    """Size is the length of x."""
    x = torch.ones(size, device=device)
    return lambda: attempt.double(x)


bench.sizes = (50, 200)
'''
FAULTS = {
    "silent": ('"""Size is the length of x."""', "pass", "a docstring of one line"),
    "sizeless": ("bench.sizes = (50, 200)", "", "growing sizes"),
    "shrinking": ("(50, 200)", "(200, 50)", "growing sizes"),
    "broken": ("attempt.double", "attempt.treble", "bench does not run on the solution, size 50"),
    "idle": ("lambda: attempt.double(x)", "None", "bench does not run on the solution, size 50"),
}


@pytest.fixture(scope="module")
def said(
    new_project: Callable[[], Any], line: Callable[..., str], tmp_path_factory: Any
) -> dict[str, str]:
    """What the gate says of each kata, by its slug."""
    project = new_project()
    project.track("t", line("sound"), line("excused"), *map(line, FAULTS))
    project.kata("t/sound", tests=project.TESTS + BENCH)
    project.kata("t/excused", tests=project.TESTS + '\n\nbench = "it has no size"\n')
    for slug, (old, new, _) in FAULTS.items():
        assert BENCH.count(old) == 1
        project.kata(f"t/{slug}", tests=project.TESTS + BENCH.replace(old, new))
    done = project.learner(tmp_path_factory.mktemp("gate")).run("verify")
    assert (done.returncode, done.stderr) == (1, "")
    words: dict[str, str] = {}
    slug = ""
    for row in done.stdout.splitlines():
        slug = row.split()[1].removeprefix("t/") if " t/" in row and "mistakes" in row else slug
        words[slug] = words.get(slug, "") + row + "\n"
    return words


@pytest.mark.parametrize("slug", ["sound", "excused"])
def test_a_benchmark_that_runs_or_says_why_not_is_sound(said: dict[str, str], slug: str) -> None:
    assert said[slug].startswith("  ✓")


@pytest.mark.parametrize("slug", FAULTS)
def test_a_fault_is_told_with_the_file(said: dict[str, str], slug: str) -> None:
    assert said[slug].startswith("  ✗")
    assert f"reference_tests/t/test_{slug}.py: " in said[slug]
    assert FAULTS[slug][2] in said[slug]
