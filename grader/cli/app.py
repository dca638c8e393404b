"""The commands: their names, options and help. What they do lies in actions and checking."""

import atexit
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.errors import KataError

if TYPE_CHECKING:
    from grader.cli.actions import Desk

app = typer.Typer(
    name="kata",
    help="Coding katas for the algorithms of large language models.\n\nkata start mla",
    # plain help takes half the time of Rich's
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _complete_kata(incomplete: str) -> list[str]:
    from grader.content.catalog import load_catalog

    wanted = incomplete.lower()
    katas = list(load_catalog())
    return [kata.slug for kata in katas if kata.slug.startswith(wanted)] or [
        kata.id for kata in katas if kata.id.startswith(wanted)
    ]


def _complete_track(incomplete: str) -> list[str]:
    from grader.content.catalog import load_catalog

    tracks = load_catalog().tracks
    return [track.slug for track in tracks if track.slug.startswith(incomplete.lower())]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A kata: mla, or attention/mla.", autocompletion=_complete_kata
    ),
]
MaybeName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="A kata; the current one if left out.", autocompletion=_complete_kata
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    track: Annotated[
        str | None,
        typer.Argument(metavar="[TRACK]", help="One track.", autocompletion=_complete_track),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show tracks and katas, and which you have solved.

    Example: kata list attention
    """
    from grader.cli.actions import lines

    desk = _desk()
    found = lines(desk, track)
    if as_json:
        _print_json([line.to_data() for line in found])
        return
    from grader.cli.render.console import console
    from grader.cli.render.listing import show_list

    show_list(console(), desk.catalog.tracks, found)


@app.command()
def start(
    name: Name,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Keep the old file in the history and start over.")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $EDITOR.")] = False,
) -> None:
    """Start or resume a kata: copies its stub, starts the clock, shows the spec.

    Example: kata start mla --edit
    """
    from grader.cli.actions import start as begin

    desk = _desk()
    started = begin(desk, desk.kata(name), fresh=fresh)
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_start

    show_start(console(), started)
    if edit:
        _edit(started.path)


@app.command()
def check(
    name: MaybeName = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Judge this file.", metavar="PATH")
    ] = None,
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
    """Judge your attempt: what holds, what does not, and what differs where.

    Example: kata check gqa --seed 7
    """
    if device not in ("auto", "cpu", "cuda"):
        raise KataError(f"no device {device!r}; there are auto, cpu and cuda")
    if all_ and (name or file):
        raise KataError("--all judges every attempt: leave out the name and --file")
    from grader.cli.checking import started_katas

    desk = _desk()
    katas = started_katas(desk) if all_ else [desk.kata(name)]
    code = _check(
        desk, katas, as_json=as_json, verbose=verbose, sweep=all_,
        file=file, seed=seed, device=device, timeout=timeout,
    )  # fmt: skip
    raise typer.Exit(code)


def _check(
    desk: Any, katas: list[Any], *, as_json: bool, verbose: bool, sweep: bool, **options: Any
) -> int:
    from grader.cli.checking import check as judge_one

    checked = []
    try:
        if as_json:
            checked = [judge_one(desk, kata, sweep=sweep, **options) for kata in katas]
        else:
            from grader.cli.render.live import judging

            for kata in katas:
                with judging(kata) as listener:
                    one = judge_one(desk, kata, sweep=sweep, listener=listener, **options)
                checked.append(one)
    except KeyboardInterrupt:
        print("interrupted: this check was not recorded, your file is untouched", file=sys.stderr)
        return 130
    if as_json:
        data = [one.result.to_data() for one in checked]
        _print_json(data if sweep else data[0])
    else:
        from grader.cli.render.check import show_check
        from grader.cli.render.console import console
        from grader.cli.render.listing import show_sweep

        if sweep:
            show_sweep(console(), checked)
        else:
            show_check(console(), checked[0], verbose=verbose)
    good = ("passed", "skipped") if sweep else ("passed",)
    return 0 if all(one.result.verdict in good for one in checked) else 1


@app.command()
def watch(name: MaybeName = None) -> None:
    """Judge on every save, with the clock and a key for each command.

    Example: kata watch gqa
    """
    if not sys.stdout.isatty():
        raise KataError("kata watch needs a terminal; kata check judges once")
    from grader.cli.watch.app import WatchApp

    desk = _desk()
    WatchApp(desk, desk.kata(name)).run()


@app.command()
def hint(name: MaybeName = None) -> None:
    """Show the next hint; there are three.

    Example: kata hint
    """
    from grader.cli import actions

    desk = _desk()
    found = actions.hint(desk, desk.kata(name))
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_hint

    show_hint(console(), found)


@app.command()
def spec(name: MaybeName = None) -> None:
    """Show the spec again.

    Example: kata spec gqa
    """
    from grader.cli.render import spec as view
    from grader.cli.render.console import console

    console().print(view.spec(_desk().kata(name)))


@app.command()
def solution(
    name: MaybeName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show the solution, and answers to follow-up questions. Before a pass it is giving up.

    Example: kata solution gqa
    """
    from grader.cli import actions

    desk = _desk()
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


@app.command()
def reset(name: MaybeName = None) -> None:
    """Start over from the stub; your file goes to the history.

    Example: kata reset gqa
    """
    from grader.cli import actions

    desk = _desk()
    done = actions.reset(desk, desk.kata(name))
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_reset

    show_reset(console(), done)


@app.command("next")
def next_(
    edit: Annotated[bool, typer.Option("--edit", help="Open the file in $EDITOR.")] = False,
) -> None:
    """Start the next kata that you have not solved.

    Example: kata next
    """
    from grader.cli import actions

    desk = _desk()
    state = desk.state()
    current = desk.kata(None) if state.current else None
    following = actions.next_kata(desk, state, current)
    if following is None:
        print("Every kata is solved. kata dashboard shows your times; --fresh starts one over.")
        return
    start(following.id, fresh=False, edit=edit)


@app.command()
def pause(name: MaybeName = None) -> None:
    """Stop the clock; kata start or kata check lets it run again.

    Example: kata pause
    """
    from grader.cli import actions

    desk = _desk()
    done = actions.pause(desk, desk.kata(name))
    from grader.cli.render.console import console
    from grader.cli.render.spec import show_pause

    show_pause(console(), done)


@app.command()
def dashboard(as_json: Json = False) -> None:
    """Show how far you are: tracks, streak, times, what comes next.

    Example: kata dashboard
    """
    from grader.cli.overview import overview

    desk = _desk()
    found = overview(desk)
    if as_json:
        _print_json(found.to_data())
        return
    from grader.cli.render.console import console
    from grader.cli.render.dashboard import show_dashboard

    show_dashboard(console(), found)


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Katas.", autocompletion=_complete_kata),
    ] = None,
    track: Annotated[
        str | None, typer.Option("--track", help="One track.", autocompletion=_complete_track)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("-j", "--jobs", help="How many at once; all cores.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Gate for contributors: files, stub, solution, and every mistake of each kata.

    Example: kata verify gqa rope
    """
    from grader.cli.render.live import verifying
    from grader.gate.verify import verify_katas

    desk = _desk()
    katas = [desk.catalog.find(name) for name in names or []]
    katas += desk.catalog.track(track).katas if track else ()
    katas = list(dict.fromkeys(katas)) or list(desk.catalog)
    with verifying(katas, quiet=as_json) as listener:
        reports = verify_katas(katas, jobs=jobs or os.cpu_count() or 1, listener=listener)
    if as_json:
        _print_json([report.to_data() for report in reports])
    else:
        from grader.cli.render.console import console
        from grader.cli.render.gate import show_reports

        show_reports(console(), reports)
    raise typer.Exit(0 if all(report.sound for report in reports) else 1)


@app.command()
def judge(
    what: Annotated[str, typer.Argument(metavar="status|stop", help="What to do.")] = "status",
) -> None:
    """Look at the warm judge, or stop it; the next check starts another.

    Example: kata judge stop
    """
    if what not in ("status", "stop"):
        raise KataError(f"kata judge {what}: there are status and stop")
    from grader.cli.doctor import warm_judge

    finding = warm_judge(stop=what == "stop")
    print(finding.found)


@app.command()
def doctor() -> None:
    """Look at this machine: Python, torch, Triton, GPU, limits, where your data lies.

    Example: kata doctor
    """
    from grader.cli.doctor import examine
    from grader.cli.render.console import console
    from grader.cli.render.doctor import show_findings

    findings = examine(_desk())
    show_findings(console(), findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def _version(shown: bool) -> None:
    if shown:
        from grader import __version__

        print(f"kata {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _print_json(data: object) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _desk() -> "Desk":
    """The desk of this command."""
    from grader.cli.actions import Desk

    desk = Desk()
    # said whichever way the command ends
    atexit.register(_notice, desk)
    return desk


def _notice(desk: "Desk") -> None:
    """What the person must know of their progress file."""
    if desk.notice:
        print(f"kata: {desk.notice}", file=sys.stderr)


def _confirmed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _edit(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise KataError(f"$EDITOR is not set; open {path} in your editor")
    try:
        subprocess.run([*shlex.split(editor), str(path)], check=False)
    except OSError as error:
        raise KataError(f"$EDITOR ({editor}) does not start: {error.strerror}") from None
