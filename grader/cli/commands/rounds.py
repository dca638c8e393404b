"""Commands for mock rounds."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.commands.options import Json, complete_track, open_desk, print_json
from grader.errors import KataError

if TYPE_CHECKING:
    from grader.cli.desk import Desk

MINUTES = 45


def interview(
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="Of an earlier one, with --report.")
    ] = None,
    minutes: Annotated[
        int | None, typer.Option("--minutes", help=f"How long; {MINUTES} if left out.")
    ] = None,
    track: Annotated[
        str | None,
        typer.Option("--track", help="Of one track.", autocompletion=complete_track),
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", help="warmup, easy, medium, hard or expert.")
    ] = None,
    core: Annotated[bool, typer.Option("--core", help="Only the most asked.")] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Draw the same katas again.", min=0)
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the one that was left.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Show what interview NUMBER, or the last, came to.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sit a mock interview: katas against the clock. Goes on with one that you left.

    Example: kata interview --minutes 60 --level medium
    """
    from grader.cli import interviewing

    desk = open_desk()
    given = (minutes, track, level, seed)
    if report:
        _show(desk, number, as_json=as_json)
        return
    if number is not None:
        raise KataError(f"kata interview {number} --report shows what that one came to")
    if end:
        interviewing.end(desk)
        _show(desk, None, as_json=as_json)
        return
    if not sys.stdout.isatty():
        raise KataError("kata interview needs a terminal; --report shows what the last came to")
    open_ = interviewing.present(desk)
    if open_ and (core or any(one is not None for one in given)):
        raise interviewing.not_over(open_)
    if open_:
        present = interviewing.resume(desk)
    else:
        present = interviewing.begin(
            desk, minutes=MINUTES if minutes is None else minutes,
            track=track, level=level, core=core, seed=seed,
        )  # fmt: skip
    from grader.cli.watch.interview import InterviewApp

    InterviewApp(desk, present).run()
    left = interviewing.present(desk)
    if left is None:
        _show(desk, None)
        return
    from grader.cli.render.console import console
    from grader.cli.render.interview import show_left

    show_left(console(), left)


def _show(desk: "Desk", number: int | None, *, as_json: bool = False) -> None:
    from grader.cli.reporting import report

    found = report(desk, number)
    if as_json:
        print_json(found.to_data())
        return
    from grader.cli.render.console import console
    from grader.cli.render.interview import show_report

    show_report(console(), found)
