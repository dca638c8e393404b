"""The way in: one attempt, one verdict."""

import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grader.content.card import load_card
from grader.content.catalog import Kata, content_root
from grader.content.stub import is_unedited
from grader.errors import KataError
from grader.judge.protocol import Failure, Limits, Result, Task

if TYPE_CHECKING:
    # psutil is imported while the child imports torch
    from grader.judge.supervisor import Listener, Supervision

LARGEST_SOURCE = 1 << 20


def new_seed() -> int:
    return secrets.randbelow(2**31)


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
    try:
        data = attempt.read_bytes()
    except OSError as error:
        raise KataError(f"{attempt}: {error.strerror}; kata start {kata.slug} makes it") from None
    source = data.decode("utf-8", errors="replace")
    if len(data) > LARGEST_SOURCE:
        raise KataError(f"{attempt}: {len(data):,} bytes; an attempt has at most 1 MiB")
    early = _look(kata, source, attempt, seed)
    if early is not None:
        return early, source
    result = judge_source(
        kata, source, attempt, seed=seed, device=device, limits=limits, listener=listener
    )
    return result, source


def judge_source(
    kata: Kata,
    source: str,
    attempt: Path,
    *,
    seed: int,
    device: str = "auto",
    limits: Limits | None = None,
    listener: "Listener | None" = None,
) -> Result:
    """Judge a text as if it stood in the file at attempt, in a child process."""
    card = load_card(kata)
    if missing := _missing(card.requires):
        return Result(kata.id, "skipped", seed, problem=Failure(missing))
    with tempfile.TemporaryDirectory(prefix="kata-", ignore_cleanup_errors=True) as base:
        folder = Path(base, "work")
        folder.mkdir()
        task = Task(
            kata=kata.id,
            attempt=str(attempt),
            source=source,
            stub=str(kata.stub),
            solution=str(kata.solution),
            tests=str(kata.tests),
            seed=seed,
            folder=str(folder),
            key=secrets.token_hex(32),
            secrets=(
                str(content_root() / "solutions"),
                str(content_root() / "reference_tests"),
                str(Path(os.environ.get("KATA_PRACTICE", attempt.parents[1])) / ".kata"),
            ),
            device=device,
            forbids=card.forbids,
            requires=card.requires,
            mutates=card.mutates,
            limits=limits or Limits(),
        )
        result = _run(task, listener)
    if result.problem and result.problem.headline == "the judge itself did not start":
        raise KataError("\n".join(result.problem.lines()) + "\nkata doctor looks for why", code=3)
    return result


def _look(kata: Kata, source: str, attempt: Path, seed: int) -> Result | None:
    """What can be said of a file without running it."""
    try:
        with warnings.catch_warnings():
            # an invalid escape in the learner's file is not worth a line here
            warnings.simplefilter("ignore")
            compile(source, str(attempt), "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.lineno or 1
        shown = (error.text or "").rstrip("\n")
        pointer = " " * ((error.offset or 1) - 1) + "^"
        facts = (f"{attempt}, line {line}", *([f"    {shown}", f"    {pointer}"] if shown else []))
        kind = type(error).__name__
        return Result(kata.id, "error", seed, problem=Failure(f"{kind}: {error.msg}", facts))
    except (ValueError, RecursionError, MemoryError) as error:
        return Result(kata.id, "error", seed, problem=Failure(f"not Python: {error}"))
    if is_unedited(source, kata.stub.read_text(encoding="utf-8")):
        words = "not started yet: the file is still the stub"
        return Result(kata.id, "unimplemented", seed, problem=Failure(words))
    return None


def _missing(requires: tuple[str, ...]) -> str | None:
    """Why this machine cannot judge the kata, or None."""
    from importlib.util import find_spec

    if "triton" in requires and find_spec("triton") is None:
        return f"Triton is not installed, and there is none for {sys.platform}"
    if "ranks" in requires and not hasattr(os, "fork"):
        return f"ranks are forked processes, which {sys.platform} does not have"
    return None


def _run(task: Task, listener: "Listener | None") -> Result:
    with _child(task) as (process, reports, output):
        # while the child imports torch
        from grader.judge import processes
        from grader.judge.supervisor import Supervision

        processes.adopt_orphans()
        watch = Supervision(task, process.pid, reports, output, process.poll, listener)
        try:
            _loop(watch)
        finally:
            if watch.result is None:
                watch.cancel()
                process.wait()
    assert watch.result is not None
    return watch.result


@contextmanager
def _child(task: Task) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """A fresh Python that judges one task."""
    reports, reports_end = os.pipe()
    output, output_end = os.pipe()
    process = subprocess.Popen(
        # -P: no folder of the learner's shadows a module of the standard library
        [sys.executable, "-P", "-m", "grader.judge.child", str(reports_end)],
        stdin=subprocess.PIPE,
        stdout=output_end,
        stderr=output_end,
        pass_fds=(reports_end,),
        cwd=task.folder,
        start_new_session=True,
    )
    os.close(reports_end)
    os.close(output_end)
    assert process.stdin
    try:
        process.stdin.write(task.to_json().encode())
        process.stdin.close()
    except BrokenPipeError:
        # it ended already; what it printed says why
        pass
    yield process, reports, output


def _loop(watch: "Supervision") -> None:
    with selectors.DefaultSelector() as selector:
        for pipe in watch.pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while watch.result is None:
            for key, _ in selector.select(0.02):
                if not watch.read(key.fd):
                    selector.unregister(key.fd)
            watch.tick()
