"""Commands that look after katas and machines."""

import os
from typing import Annotated

import typer

from grader.cli.commands.options import Json, complete_kata, complete_track, open_desk, print_json
from grader.errors import KataError


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Katas.", autocompletion=complete_kata),
    ] = None,
    track: Annotated[
        str | None, typer.Option("--track", help="One track.", autocompletion=complete_track)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", help="How many at once; all cores.", min=1)
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", help="Seeds for each solution and mistake; else 3 and 1.", min=1),
    ] = None,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Also make mutants of each solution and judge them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Gate for contributors. Files, stub, solution, and every mistake of each kata.

    Example: kata verify gqa rope
    """
    from grader.cli.render.live import verifying
    from grader.gate.report import shortfall
    from grader.gate.verify import verify_katas

    desk = open_desk()
    katas = [desk.catalog.find(name) for name in names or []]
    katas += desk.catalog.track(track).katas if track else ()
    katas = list(dict.fromkeys(katas)) or list(desk.catalog)
    with verifying(katas, quiet=as_json) as listener:
        cores = jobs or os.cpu_count() or 1
        reports = verify_katas(katas, jobs=cores, seeds=seeds, mutants=mutants, listener=listener)
    if as_json:
        print_json([report.to_data() for report in reports])
    else:
        from grader.cli.render.console import console
        from grader.cli.render.gate import show_reports

        show_reports(console(), reports)
    if len(katas) == len(list(desk.catalog)) and (words := shortfall(reports)):
        raise KataError(words, code=1)
    raise typer.Exit(0 if all(report.sound for report in reports) else 1)


def doctor() -> None:
    """Look at this machine. Python, torch, Triton, GPU, limits, where your data lies.

    Example: kata doctor
    """
    from grader.cli.doctor import examine
    from grader.cli.render.console import console
    from grader.cli.render.doctor import show_findings

    findings = examine(open_desk())
    show_findings(console(), findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)
