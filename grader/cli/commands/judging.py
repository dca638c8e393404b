"""Commands that judge."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.commands.options import File, Json, MaybeName, given, open_desk, print_json
from grader.errors import KataError

if TYPE_CHECKING:
    from grader.cli.checking import Checked
    from grader.cli.desk import Desk
    from grader.content.catalog import Kata
    from grader.progress.notes import Notes


def check(
    name: MaybeName = None,
    file: File = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Draw the same inputs again.", min=0)
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu or cuda; for Triton katas.")
    ] = "auto",
    all_: Annotated[bool, typer.Option("--all", help="Judge every attempt you have.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Seconds for one test.", min=0.1)
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Every failure in full.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge your attempt. Shows what holds, what does not, and what differs where.

    Example: kata check gqa --seed 7
    """
    if device not in ("auto", "cpu", "cuda"):
        raise KataError(f"no device {device!r}; there are auto, cpu and cuda")
    if all_ and (name or file):
        raise KataError("--all judges every attempt: leave out the name and --file")
    from grader.cli.checking import started_katas

    desk = open_desk()
    katas = started_katas(desk) if all_ else [desk.kata(name)]
    attempt = given(desk, katas[0], file) if file else None
    code = _check(
        desk, katas, as_json=as_json, verbose=verbose, sweep=all_,
        attempt=attempt, seed=seed, device=device, timeout=timeout,
    )  # fmt: skip
    raise typer.Exit(code)


def _check(
    desk: "Desk", katas: "list[Kata]", *, as_json: bool, verbose: bool, sweep: bool, **options: Any
) -> int:
    from grader.cli.checking import check as judge_one
    from grader.cli.render.live import Judging

    def show(one: "Checked") -> None:
        # a sweep and JSON are shown as a whole
        if not (sweep or as_json):
            from grader.cli.render.check import show_verdict
            from grader.cli.render.console import console

            show_verdict(console(), one, verbose=verbose)

    checked = []
    for kata in katas:
        with Judging(kata, show, quiet=as_json) as events:
            try:
                checked.append(judge_one(desk, kata, sweep=sweep, events=events, **options))
            except KeyboardInterrupt:
                was = "recorded" if events.kept else "not recorded, your file is untouched"
                print(f"interrupted: this check was {was}", file=sys.stderr)
                return 130
    if as_json:
        data = [one.result.to_data() for one in checked]
        print_json(data if sweep else data[0])
    else:
        from grader.cli.render.check import show_rest
        from grader.cli.render.console import console

        if sweep:
            from grader.cli.render.listing import show_sweep

            show_sweep(console(), checked)
        else:
            show_rest(console(), checked[0], _notes(desk, checked[0]))
    good = ("passed", "skipped") if sweep else ("passed",)
    return 0 if all(one.result.verdict in good for one in checked) else 1


def _notes(desk: "Desk", checked: "Checked") -> "Notes | None":
    """The person's notes, after a pass: the verdict is shown by now."""
    if not checked.result.passed:
        return None
    from grader.progress.notes import read_notes

    return read_notes(desk.practice, checked.kata)


def watch(name: MaybeName = None) -> None:
    """Judge on every save, with the clock and a key for each command.

    Example: kata watch gqa
    """
    if not sys.stdout.isatty():
        raise KataError("kata watch needs a terminal; kata check judges once")
    from grader.cli.watch.app import WatchApp

    desk = open_desk()
    WatchApp(desk, desk.kata(name)).run()


def judge(
    what: Annotated[str, typer.Argument(metavar="status|stop", help="What to do.")] = "status",
) -> None:
    """Look at the warm judge, or stop it. The next check starts another.

    Example: kata judge stop
    """
    if what not in ("status", "stop"):
        raise KataError(f"kata judge {what}: there are status and stop")
    from grader.cli.doctor import warm_judge

    finding = warm_judge(stop=what == "stop")
    print(finding.found)
