"""Right answers written another way must pass: a false rejection is our worst bug.

tests/alternatives/<track>/<slug>/<style>.py
"""

import os
from pathlib import Path

import pytest

from grader.content.catalog import load_catalog
from grader.judge.judging import judge_tasks
from grader.judge.protocol import Result, Task
from grader.judge.tasks import new_seed, new_task

HERE = Path(__file__).parent
# more by hand, before a change of a kata's tests
SEEDS = int(os.environ.get("KATA_SEEDS", "2"))
FILES = sorted(HERE.glob("*/*/*.py"))


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> dict[Path, list[Result]]:
    """The alternatives that were selected, judged under fresh seeds, on all cores."""
    catalog = load_catalog()
    tasks: dict[str, tuple[Path, Task]] = {}
    calls = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    selected = {call.params["path"] for call in calls if "path" in call.params}
    found: dict[Path, list[Result]] = {path: [] for path in FILES if path in selected}
    for path in found:
        kata = catalog.find(f"{path.parts[-3]}/{path.parts[-2]}")
        for _ in range(SEEDS):
            task = new_task(kata, path.read_text(encoding="utf-8"), path, seed=new_seed())
            if isinstance(task, Result):
                found[path].append(task)
            else:
                tasks[task.key] = path, task
    runs = judge_tasks([task for _, task in tasks.values()], jobs=os.cpu_count() or 1)
    for task, result in runs:
        found[tasks[task.key][0]].append(result)
    return found


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.with_suffix("").parts[-3:]))
def test_a_right_answer_in_another_style_passes(path: Path, results: dict[Path, list[Result]]):
    for result in results[path]:
        failing = [f"{test.name}: {test.message}" for test in result.tests if test.failure]
        assert result.verdict in ("passed", "skipped"), (
            f"seed {result.seed}: {result.message} {failing}"
        )


def test_every_kata_has_three_alternatives():
    few = {
        kata.id: count
        for kata in load_catalog()
        if (count := len(list((HERE / kata.track / kata.slug).glob("*.py")))) < 3
    }
    assert few == {}
