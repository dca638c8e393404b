"""Commands for what a person has written: earlier attempts, notes, all of it in one file."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.commands.options import Json, Name, edit_file, open_desk, print_json

Number = Annotated[int | None, typer.Argument(metavar="[N]", help="An attempt's number.", min=1)]
ArchivePath = Annotated[Path, typer.Argument(metavar="FILE", help="The file.")]


def history(name: Name, number: Number = None, as_json: Json = False) -> None:
    """List your attempts at a kata, or show attempt N.

    Example: kata history gqa 3
    """
    from grader.cli import recalling

    desk = open_desk()
    found = recalling.history(desk, desk.kata(name))
    if number is None:
        if as_json:
            print_json(found.to_data())
            return
        from grader.cli.render.console import console
        from grader.cli.render.recalling import show_history

        show_history(console(), found)
        return
    one = recalling.attempt(found, number)
    data = recalling.text(desk, one)
    if as_json:
        text = data.decode("utf-8", errors="replace")
        print_json(recalling.attempt_data(one) | {"kata": found.kata.id, "text": text})
        return
    from grader.cli.render.console import console
    from grader.cli.render.recalling import show_attempt

    show_attempt(console(), found, one, data)


def diff(
    name: Name,
    first: Annotated[
        int | None, typer.Argument(metavar="[A]", help="An attempt; 0 is the stub.", min=0)
    ] = None,
    second: Annotated[
        int | None, typer.Argument(metavar="[B]", help="Another attempt.", min=0)
    ] = None,
    solution: Annotated[
        bool, typer.Option("--solution", help="Compare with the solution, once you have seen it.")
    ] = False,
) -> None:
    """Show what changed from attempt A to attempt B.

    With A alone, from the attempt before it; with neither, up to your file as it is.

    Example: kata diff gqa 2 5
    """
    from grader.cli import recalling

    desk = open_desk()
    found = recalling.difference(desk, desk.kata(name), first, second, solution=solution)
    from grader.cli.render.console import console
    from grader.cli.render.recalling import show_difference

    show_difference(console(), found)


def restore(
    name: Name,
    number: Annotated[int, typer.Argument(metavar="N", help="An attempt's number.", min=1)],
) -> None:
    """Put attempt N back as your file; no text is lost.

    The file that is there goes to the history. The clock and the round stay as they are:
    running, paused or over. For a new round from it: kata start NAME --fresh, then this.

    Example: kata restore gqa 3
    """
    from grader.cli import recalling

    desk = open_desk()
    done = recalling.restore(desk, desk.kata(name), number)
    from grader.cli.render.console import console
    from grader.cli.render.recalling import show_restored

    show_restored(console(), done)


def notes(
    name: Name,
    show: Annotated[bool, typer.Option("--show", help="Show them, and open no editor.")] = False,
) -> None:
    """Write your own notes on a kata in $EDITOR.

    They are Markdown beside your file, shown after a pass.

    Example: kata notes gqa --show
    """
    from grader.progress.notes import begin_notes, notes_path, read_notes

    desk = open_desk()
    kata = desk.kata(name)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not show and editor and sys.stdin.isatty() and sys.stdout.isatty():
        path = begin_notes(desk.practice, kata)
        edit_file(path)
        print(f"{path} is shown after a pass: kata check {kata.slug}")
        return
    found = read_notes(desk.practice, kata)
    if found is None:
        path = notes_path(desk.practice, kata)
        print(f"no notes on {kata.base} yet: write them to {path}, or set $EDITOR")
        return
    from grader.cli.render.console import console
    from grader.cli.render.notes import show_notes

    show_notes(console(), found)


def export(
    file: ArchivePath,
    force: Annotated[bool, typer.Option("--force", help="Write over a file of that name.")] = False,
    as_json: Json = False,
) -> None:
    """Put all that you have into one file.

    Progress, attempts, notes and history; kata import merges it into another folder.

    Example: kata export kata.zip
    """
    from grader.cli import moving

    done = moving.export(open_desk(), file, force=force)
    if as_json:
        print_json(asdict(done) | {"path": str(done.path)})
        return
    from grader.cli.render.console import console
    from grader.cli.render.moving import show_exported

    show_exported(console(), done)


def import_(file: ArchivePath, as_json: Json = False) -> None:
    """Merge an export, or another progress.db.

    What is here stays: of two files that differ, the imported one is put beside yours or
    into the history. To import the same again changes nothing.

    Example: kata import kata.zip
    """
    from grader.cli import moving

    done = moving.import_(open_desk(), file)
    if as_json:
        print_json(done.to_data())
        return
    from grader.cli.render.console import console
    from grader.cli.render.moving import show_imported

    show_imported(console(), done)
