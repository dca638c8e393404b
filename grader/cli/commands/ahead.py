"""Commands that look ahead: what comes back, and what is left to do before an interview."""

from datetime import date
from typing import Annotated

import typer

from grader.cli.commands.options import Json, edit_file, open_desk, print_json


def review(
    list_: Annotated[
        bool, typer.Option("--list", help="Show what comes back and when; starts nothing.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $EDITOR.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Start the kata that is most due again. From its stub; your file goes to the history.

    Example: kata review --list
    """
    from grader.cli import reviewing

    desk, today = open_desk(), date.today()
    begun = None if list_ or as_json else reviewing.review(desk, today)
    if begun is None:
        found = reviewing.whole_schedule(desk, today)
        if as_json:
            print_json(found.to_data())
            return
        from grader.cli.render.console import console
        from grader.cli.render.review import show_nothing_due, show_schedule

        (show_schedule if list_ else show_nothing_due)(console(), found)
        return
    from grader.cli.render.console import console
    from grader.cli.render.review import show_review
    from grader.judge.warm import ensure_judge

    show_review(console(), begun, today)
    # loads torch while the person reads
    ensure_judge()
    if edit:
        edit_file(begun.started.path)


def plan(
    day: Annotated[
        str | None, typer.Option("--date", help="Of the interview.", metavar="YYYY-MM-DD")
    ] = None,
    minutes: Annotated[
        int | None, typer.Option("--minutes-per-day", help="60 if left out.", metavar="N")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every day in full.")] = False,
    as_json: Json = False,
) -> None:
    """Show what to do today and on each day up to your interview.

    Example: kata plan --date 2027-03-01 --minutes-per-day 90
    """
    from grader.cli import planning

    found = planning.plan(open_desk(), day=day, minutes=minutes)
    if as_json:
        print_json(found.to_data())
        return
    from grader.cli.render.console import console
    from grader.cli.render.plan import show_plan

    show_plan(console(), found, every_day=all_)
