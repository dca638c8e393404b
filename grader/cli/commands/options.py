"""Arguments and options that several commands share."""

import json
import os
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.parting import at_parting
from grader.cli.place import CELL, in_notebook
from grader.errors import KataError

if TYPE_CHECKING:
    from grader.cli.checking import Attempt
    from grader.cli.desk import Desk
    from grader.content.catalog import Kata


def complete_kata(incomplete: str) -> list[str]:
    from grader.content.catalog import load_catalog

    wanted = incomplete.lower()
    katas = list(load_catalog())
    if "." in wanted:
        katas = [kata.debugged() for kata in katas]
    return [kata.slug for kata in katas if kata.slug.startswith(wanted)] or [
        kata.id for kata in katas if kata.id.startswith(wanted)
    ]


def complete_track(incomplete: str) -> list[str]:
    from grader.content.catalog import load_catalog

    tracks = load_catalog().tracks
    return [track.slug for track in tracks if track.slug.startswith(incomplete.lower())]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A kata: mla, or attention/mla.", autocompletion=complete_kata
    ),
]
MaybeName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="A kata; the current one if left out.", autocompletion=complete_kata
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[
    Path | None,
    typer.Option("--file", help="Judge this file; - is standard input.", metavar="PATH"),
]


def print_json(data: object) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _notice(desk: "Desk") -> None:
    """What the person must know of their progress file."""
    if desk.notice:
        print(f"kata: {desk.notice}", file=sys.stderr)
    for copy in desk.practice.copies():
        words = f"kata: {copy.name} seems to be a sync tool's copy of your progress; merge it:"
        print(f"{words} kata import {shlex.quote(str(copy))}", file=sys.stderr)


def edit_file(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise KataError(f"$EDITOR is not set; open {path} in your editor")
    try:
        subprocess.run([*shlex.split(editor), str(path)], check=False)
    except OSError as error:
        raise KataError(f"$EDITOR ({editor}) does not start: {error.strerror}") from None


def given(desk: "Desk", kata: "Kata", file: Path | None) -> "Attempt":
    """The attempt that --file names."""
    from grader.cli.checking import Attempt, read
    from grader.judge.tasks import text_of

    if str(file) != "-":
        return read(desk, kata, file)
    called = Path(CELL if in_notebook() else "standard input")
    return Attempt(called, text_of(called, sys.stdin.buffer.read()), elsewhere=True)


def open_desk() -> "Desk":
    """The desk of one command."""
    from grader.cli.desk import Desk

    desk = Desk()
    at_parting(partial(_notice, desk))
    return desk
