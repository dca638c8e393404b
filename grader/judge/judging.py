"""The way in: one attempt, one verdict; many tasks, many results."""

import selectors
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.content.catalog import Kata
from grader.errors import KataError
from grader.judge import warm
from grader.judge.cancel import Cancellation, Cancelled
from grader.judge.cold import start_cold
from grader.judge.events import Events
from grader.judge.pool import BEAT, Pool
from grader.judge.protocol import Limits, Result, Task
from grader.judge.tasks import look, new_seed, new_task


def judge(
    kata: Kata,
    attempt: Path,
    source: str,
    *,
    progress: Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    limits: Limits | None = None,
    events: Events | None = None,
    cancel: Cancellation | None = None,
) -> Result:
    """Judge an attempt.

    Args:
        attempt: Its path, for messages.
        source: Its text, which is what is judged.
        progress: The folder that progress lies in, where the attempt has no business.
        events: Told of each step; of the verdict once, before this returns.
        cancel: Ends the check when asked to.

    Raises:
        KataError: The judge itself does not start.
        Cancelled: It was ended.
    """
    events = events or Events()
    seed = new_seed() if seed is None else seed
    early = look(kata, source, attempt, seed)
    if early is not None:
        events.judged(early)
        return early
    # in a debug round the mistake is to be found
    diagnose = not kata.debug
    task = new_task(
        kata, source, attempt, progress=progress, seed=seed, device=device, limits=limits,
        diagnose=diagnose,
    )  # fmt: skip
    if isinstance(task, Result):
        events.judged(task)
        return task
    return judge_task(task, events, cancel)


def judge_task(
    task: Task, events: Events | None = None, cancel: Cancellation | None = None
) -> Result:
    """By the warm judge if there is one; else cold, and a warm one for the next time.

    Raises:
        KataError: The judge itself does not start.
    """
    if warm.fits(task):
        try:
            return _sound(warm.judge_warm(task, events, cancel))
        except warm.NotWarm:
            pass
    ((_, result),) = judge_cold([task], events=events, cancel=cancel)
    if warm.fits(task):
        warm.start_judge()
    return _sound(result)


def measure_task(task: Task, events: Events | None = None) -> Result:
    """Run a benchmark, in a process that nothing else has run in.

    Raises:
        KataError: The judge itself does not start.
    """
    ((_, result),) = judge_cold([task], events=events)
    return _sound(result)


def judge_tasks(tasks: Iterable[Task], *, jobs: int = 1) -> Iterator[tuple[Task, Result]]:
    """Judge many, at most so many at once; each result as it comes, broken ones too."""
    tasks = list(tasks)
    cold = [task for task in tasks if not warm.fits(task)]
    fitting = [task for task in tasks if warm.fits(task)]
    if fitting and warm.wait_for_judge():
        for task, result in warm.judge_many_warm(fitting, jobs):
            if result is None:
                cold.append(task)
            else:
                yield task, result
    else:
        cold += fitting
    yield from judge_cold(cold, jobs=jobs)


def judge_cold(
    tasks: Iterable[Task],
    *,
    jobs: int = 1,
    events: Events | None = None,
    cancel: Cancellation | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Judge each task in a fresh process."""
    waiting, more = iter(tasks), True
    with selectors.DefaultSelector() as selector, Pool(selector) as pool:
        if cancel is not None:
            selector.register(cancel, selectors.EVENT_READ)
        while more or len(pool):
            while more and len(pool) < jobs:
                task = next(waiting, None)
                more = task is not None
                if task is not None:
                    pool.start(task, start_cold, events)
            for key, _ in selector.select(BEAT):
                if key.fileobj is cancel:
                    raise Cancelled
                pool.read(key)
            for task, result in pool.beat():
                yield task, result


def _sound(result: Result) -> Result:
    if result.broken:
        lines = "\n".join(result.problem.lines()) if result.problem else ""
        raise KataError(f"{lines}\nkata doctor looks for why", code=3)
    return result
