"""The dashboard: how far you are, at a glance."""

from datetime import datetime

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from grader.cli.overview import BestTime, DebugRounds, Overview
from grader.cli.render.console import clock, mark, minutes_style

# side by side from here on
WIDE = 96
LARGEST = 120


def show_dashboard(out: Console, view: Overview) -> None:
    width = min(out.width, LARGEST)
    out.print(_headline(view), width=width)
    tracks = _panel("tracks", _tracks(view, width // 2 if width >= WIDE else width))
    right = Group(
        _panel("next", _next(view)),
        _panel("best times", _best(view.best, more=": kata list")),
        *([_panel("debug rounds", _debug(view.debug))] if view.debug.fixed else []),
        _panel("latest checks", _latest(view)),
    )
    if width < WIDE:
        out.print(Group(tracks, right), width=width)
        return
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(tracks, right)
    out.print(grid, width=width)


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="soft")


def _headline(view: Overview) -> Columns:
    days = "day" if view.streak == 1 else "days"
    cells = [
        Text.assemble((f"{view.solved}", "strong-good"), f" of {view.total} solved"),
        Text.assemble((f"{view.streak}", "bold"), f" {days} in a row"),
        Text.assemble((_hours(view.seconds), "bold"), " at work"),
        Text.assemble((f"{view.checks}", "bold"), " check" if view.checks == 1 else " checks"),
    ]
    return Columns(cells, padding=(0, 4))


def _tracks(view: Overview, width: int) -> Table:
    table = Table.grid(padding=(0, 1))
    names = max(len(track.title) for track in view.tracks)
    table.add_column(min_width=names, no_wrap=True)
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    bar = max(width - names - 16, 8)
    for track in view.tracks:
        done = ProgressBar(track.total, track.solved, width=bar, complete_style="good")
        count = Text.assemble((f"{track.solved}", "good" if track.solved else "soft"))
        table.add_row(Text(track.title), done, count.append(f"/{track.total}"))
    return table


def _next(view: Overview) -> RenderableType:
    rows = []
    if view.current:
        kata, seconds = view.current
        now = (clock(seconds), minutes_style(seconds, kata.minutes))
        of = f" of {kata.minutes} min"
        rows.append(Text.assemble(mark("started"), " ", (kata.id, "name"), " ", now, of))
        rows.append(Text.assemble("  ", (f"kata check {kata.slug}", "key")))
    if view.following:
        kata = view.following
        facts = f"  {kata.level}, {kata.minutes} min"
        title = Text.assemble("  ", (kata.id, "name"), f"  {kata.title}")
        title.no_wrap, title.overflow = True, "ellipsis"
        rows.append(title)
        rows.append(Text.assemble("  ", (f"kata start {kata.slug}", "key"), (facts, "soft")))
    if not rows:
        rows.append(Text("All katas are solved.", style="good"))
    return Group(*rows)


def _debug(rounds: DebugRounds) -> RenderableType:
    fixed = "1 round" if rounds.fixed == 1 else f"{rounds.fixed} rounds"
    found = "1 bug" if rounds.bugs == 1 else f"{rounds.bugs} bugs"
    return Group(Text(f"{found} found in {fixed}"), _best(rounds.best))


def _best(times: tuple[BestTime, ...], *, more: str = "") -> RenderableType:
    if not times:
        return Text("Your times stand here once you have solved a kata.", style="soft")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for best in times[-8:]:
        time = Text(clock(best.seconds), style=minutes_style(best.seconds, best.minutes))
        table.add_row(Text(best.kata), time, Text(f"of {best.minutes} min", style="soft"))
    if len(times) > 8:
        table.add_row(Text(f"and {len(times) - 8} more{more}", style="soft"))
    return table


def _latest(view: Overview) -> RenderableType:
    if not view.latest:
        return Text.assemble(("Nothing yet: ", "soft"), ("kata start sdpa", "key"))
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for attempt in view.latest:
        claims = f"{attempt.passed}/{attempt.total}" if attempt.total else attempt.verdict
        table.add_row(
            mark(attempt.verdict),
            Text(attempt.kata),
            Text(claims, style="soft"),
            Text(_when(attempt.at), style="soft"),
        )
    return table


def _hours(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _when(at: float) -> str:
    then, now = datetime.fromtimestamp(at), datetime.now()
    days = (now.date() - then.date()).days
    if days == 0:
        return then.strftime("%H:%M")
    return "yesterday" if days == 1 else f"{days} days ago"
