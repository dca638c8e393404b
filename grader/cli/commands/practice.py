"""Commands of the daily loop, but for judging."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.commands.options import (
    Json,
    MaybeName,
    Name,
    complete_track,
    edit_file,
    open_desk,
    print_json,
)
from grader.errors import KataError

if TYPE_CHECKING:
    from grader.cli.actions import Started


def list_(
    track: Annotated[
        str | None,
        typer.Argument(metavar="[TRACK]", help="One track.", autocompletion=complete_track),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show tracks and katas, and which you have solved.

    Example: kata list attention
    """
    from grader.cli.actions import lines

    desk = open_desk()
    found = lines(desk, track)
    if as_json:
        print_json([line.to_data() for line in found])
        return
    from grader.cli.render.console import console
    from grader.cli.render.listing import show_list

    show_list(console(), desk.catalog.tracks, found)


def start(
    name: Name,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Keep the old file in the history and start over.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $EDITOR.")] = False,
) -> None:
    """Start or resume a kata. Copies its stub, starts the clock, shows the spec.

    Example: kata start mla --edit
    """
    from grader.cli import actions

    desk = open_desk()
    _begin(actions.start(desk, desk.kata(name), fresh=fresh), edit=edit)


def _begin(started: "Started", *, edit: bool) -> None:
    """Show what was started, and get ready for it."""
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_start

    show_start(console(), started)
    # loads torch while the person reads
    from grader.judge.warm import ensure_judge

    ensure_judge()
    if edit:
        edit_file(started.path)


def debug(
    name: Name,
    bugs: Annotated[
        int | None, typer.Option("--bugs", help="How many; one to three if left out.", min=1)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Plant the same bugs again.", min=0)
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Keep the old file in the history and plant anew.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $EDITOR.")] = False,
) -> None:
    """Find the bugs that are planted in a solution. Starts or resumes a debug round.

    It has its own file, clock and name: gqa.debug, wherever a kata is named.

    Example: kata debug gqa --bugs 2
    """
    from grader.cli import debugging

    desk = open_desk()
    kata = desk.kata(name).debugged()
    _begin(debugging.debug(desk, kata, bugs=bugs, seed=seed, fresh=fresh), edit=edit)


def hint(name: MaybeName = None) -> None:
    """Show the next hint; there are three.

    Example: kata hint
    """
    from grader.cli import actions

    desk = open_desk()
    found = actions.hint(desk, desk.kata(name))
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_hint

    show_hint(console(), found)


def spec(name: MaybeName = None) -> None:
    """Show the spec again.

    Example: kata spec gqa
    """
    from grader.cli.render import spec as view
    from grader.cli.render.console import console

    console().print(view.spec(open_desk().kata(name)))


def solution(
    name: MaybeName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show the solution and answers to follow-ups. Before a pass it is giving up.

    Example: kata solution gqa
    """
    from grader.cli import actions

    desk = open_desk()
    kata = desk.kata(name)
    if actions.gives_up(desk, kata) and not yes:
        if not sys.stdin.isatty():
            raise KataError(f"{kata.slug} is not solved; --yes shows the solution and gives it up")
        # typer.confirm makes no difference between no and Ctrl-C
        if not _confirmed(f"{kata.slug} is not solved. Give it up and see the solution?"):
            raise typer.Exit(1)
    found = actions.solution(desk, kata)
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_solution

    show_solution(console(), found)


def reset(name: MaybeName = None) -> None:
    """Start over from the stub; your file goes to the history.

    Example: kata reset gqa
    """
    from grader.cli import actions

    desk = open_desk()
    done = actions.reset(desk, desk.kata(name))
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_reset

    show_reset(console(), done)


def next_(
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $EDITOR.")] = False,
) -> None:
    """Start the next kata that you have not solved.

    Example: kata next
    """
    from grader.cli import actions

    desk = open_desk()
    state = desk.state()
    current = desk.kata(None) if state.current else None
    following = actions.next_kata(desk, state, current)
    if following is None:
        print("Every kata is solved. kata dashboard shows your times; --fresh starts one over.")
        return
    start(following.id, fresh=False, edit=edit)


def pause(name: MaybeName = None) -> None:
    """Stop the clock; kata start or kata check lets it run again.

    Example: kata pause
    """
    from grader.cli import actions

    desk = open_desk()
    done = actions.pause(desk, desk.kata(name))
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_pause

    show_pause(console(), done)


def dashboard(
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Draw it into this file.", metavar="FILE")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Likewise, as a page.", metavar="FILE")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how far you are. Tracks, practice, times, what is due and what comes next.

    Example: kata dashboard --svg me.svg
    """
    from grader.cli.overview import overview

    desk = open_desk()
    found = overview(desk)
    if as_json:
        print_json(found.to_data())
        return
    from grader.cli.render.console import console
    from grader.cli.render.dashboard import export_dashboard, show_dashboard

    if svg or html:
        export_dashboard(found, svg=svg, html=html)
        print(" and ".join(str(path) for path in (svg, html) if path), "written")
        return
    show_dashboard(console(), found)


def _confirmed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
