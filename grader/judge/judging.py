"""The way in: one attempt, one verdict."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from grader.content.catalog import Kata
from grader.errors import KataError
from grader.judge.cold import start_cold
from grader.judge.pool import Pool
from grader.judge.protocol import Limits, Result, Task
from grader.judge.tasks import look, new_seed, new_task, read_attempt

if TYPE_CHECKING:
    from grader.judge.supervisor import Listener


def judge(
    kata: Kata,
    attempt: Path,
    *,
    seed: int | None = None,
    device: str = "auto",
    limits: Limits | None = None,
    listener: "Listener | None" = None,
) -> tuple[Result, str]:
    """Judge the file at attempt; the result, and the text that was judged.

    Raises:
        KataError: There is no such file, or the judge itself does not start.
    """
    seed = new_seed() if seed is None else seed
    source = read_attempt(kata, attempt)
    early = look(kata, source, attempt, seed)
    if early is not None:
        return early, source
    task = new_task(kata, source, attempt, seed=seed, device=device, limits=limits)
    if isinstance(task, Result):
        return task, source
    (result,) = (result for _, result in judge_tasks([task], listener=listener))
    return result, source


def judge_tasks(
    tasks: Iterable[Task], *, jobs: int = 1, listener: "Listener | None" = None
) -> Iterator[tuple[Task, Result]]:
    """Judge many, at most so many at once; each result as it comes.

    Raises:
        KataError: The judge itself does not start.
    """
    with Pool(start_cold) as pool:
        for task, result in pool.run(tasks, jobs, listener):
            if result.broken:
                lines = "\n".join(result.problem.lines()) if result.problem else ""
                raise KataError(f"{lines}\nkata doctor looks for why", code=3)
            yield task, result
