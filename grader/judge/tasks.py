"""From an attempt to a task: what can be said before anything runs."""

import os
import secrets
import sys
import warnings
from pathlib import Path

from grader.content.card import load_card
from grader.content.catalog import Kata, content_root
from grader.content.stub import is_unedited
from grader.errors import KataError
from grader.judge.protocol import Failure, Limits, Result, Task

LARGEST_SOURCE = 1 << 20


def new_seed() -> int:
    return secrets.randbelow(2**31)


def read_attempt(kata: Kata, attempt: Path) -> str:
    """The text of the file.

    Raises:
        KataError: There is none that can be read, or it is too large.
    """
    try:
        data = attempt.read_bytes()
    except OSError as error:
        words = f"{attempt}: {error.strerror}; kata start {kata.slug} makes it"
        other = kata.debugged().slug
        if not kata.debug and attempt.with_name(f"{other}.py").exists():
            words += f", kata check {other} judges the debug round"
        raise KataError(words) from None
    return text_of(attempt, data)


def text_of(attempt: Path, data: bytes) -> str:
    """What stands in an attempt; raises KataError if it is too large."""
    if len(data) > LARGEST_SOURCE:
        raise KataError(f"{attempt}: {len(data):,} bytes; an attempt has at most 1 MiB")
    return data.decode("utf-8", errors="replace")


def look(kata: Kata, source: str, attempt: Path, seed: int) -> Result | None:
    """A verdict that needs no child: not Python, or still the stub."""
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
        problem = Failure(f"{type(error).__name__}: {error.msg}", facts).safe()
        return Result(kata.id, "error", seed, problem=problem)
    except (ValueError, RecursionError, MemoryError) as error:
        problem = Failure(f"not Python: {error}", (str(attempt),))
        return Result(kata.id, "error", seed, problem=problem)
    if is_unedited(source, kata.stub.read_text(encoding="utf-8")):
        problem = Failure("not started yet: the file is still the stub")
        return Result(kata.id, "unimplemented", seed, problem=problem)
    return None


def new_task(
    kata: Kata,
    source: str,
    attempt: Path,
    *,
    seed: int,
    progress: Path | None = None,
    device: str = "auto",
    limits: Limits | None = None,
    diagnose: bool = False,
    patient: bool = False,
    brief: bool = False,
) -> Task | Result:
    """A task for a child, or the result if this machine cannot judge the kata.

    Args:
        progress: The folder that progress lies in, if that is known.
        diagnose: Whether a failing attempt is compared with the kata's named mistakes.
        patient: Whether the verdict may wait for what a diagnosis needs.
        brief: Whether to end once it is known that the attempt fails, and whether by a claim.
    """
    card = load_card(kata)
    if missing := lacking(card.requires):
        return Result(kata.id, "skipped", seed, problem=Failure(missing))
    return Task(
        kata=kata.id,
        attempt=str(attempt),
        source=source,
        stub=str(kata.stub),
        solution=str(kata.solution),
        tests=str(kata.tests),
        seed=seed,
        key=secrets.token_hex(32),
        secrets=(
            str(content_root() / "solutions"),
            str(content_root() / "reference_tests"),
            *_progress_folders(attempt, progress),
        ),
        device=device,
        forbids=card.forbids,
        requires=card.requires,
        mutates=card.mutates,
        mistakes=card.mistakes if diagnose else (),
        limits=limits or Limits(),
        patient=patient,
        brief=brief,
    )


def _progress_folders(attempt: Path, progress: Path | None) -> list[str]:
    """Where progress may lie: the attempt has no business there."""
    roots = [attempt.parent, *attempt.parents[1:3]]
    if chosen := os.environ.get("KATA_PRACTICE"):
        roots.append(Path(chosen).expanduser().absolute())
    known = [str(progress)] if progress else []
    return [*known, *(str(root / ".kata") for root in roots)]


def lacking(requires: tuple[str, ...]) -> str | None:
    """Why this machine cannot judge the kata, or None."""
    from importlib.util import find_spec

    if "triton" in requires and find_spec("triton") is None:
        return f"Triton is not installed, and there is none for {sys.platform}"
    if "ranks" in requires and not hasattr(os, "fork"):
        return f"ranks are forked processes, which {sys.platform} does not have"
    return None
