"""The dashboard: how far you are, at a glance."""

import io
from collections.abc import Sequence
from pathlib import Path

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from grader.cli.overview import Overview
from grader.cli.render import panels
from grader.cli.render.console import THEME
from grader.errors import KataError

# this many columns of panels from these widths on
TWO, THREE = 96, 160
LARGEST = 200
EXPORTED = 120


def show_dashboard(out: Console, view: Overview) -> None:
    out.print(Dashboard(view), width=min(out.width, LARGEST))


def export_dashboard(view: Overview, *, svg: Path | None, html: Path | None) -> None:
    """Draw it into files.

    Raises:
        KataError: A file cannot be written.
    """
    out = Console(
        theme=THEME, width=EXPORTED, record=True, file=io.StringIO(), highlight=False,
        force_terminal=True, color_system="truecolor", emoji=False,
    )  # fmt: skip
    show_dashboard(out, view)
    if svg:
        _write(svg, out.export_svg(title="kata dashboard", clear=False))
    if html:
        _write(html, out.export_html(clear=False, inline_styles=True))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise KataError(
            f"{path}: {error.strerror}; name a file in a folder that is there"
        ) from None


class Dashboard:
    """As many columns of panels as the width has room for."""

    def __init__(self, view: Overview) -> None:
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        view, width = self._view, options.max_width
        yield _headline(view)
        count = 3 if width >= THREE else 2 if width >= TWO else 1
        # a blank between two columns
        each = (width - (count - 1)) // count
        columns = [
            Group(*(self._panel(title, content) for title, content in column if content))
            for column in self._columns(count, each - 4)
        ]
        if count == 1:
            yield columns[0]
            return
        grid = Table.grid(padding=(0, 1, 0, 0))
        for _ in columns:
            grid.add_column(width=each)
        grid.add_row(*columns)
        yield grid

    def _columns(
        self, count: int, room: int
    ) -> Sequence[Sequence[tuple[str, RenderableType | None]]]:
        view = self._view
        # what to do comes first
        todo = [("today", panels.today(view)), ("next", panels.following(view))]
        tracks = [("tracks", panels.tracks(view, room))]
        habit = [("practice", panels.calendar(view, room)), ("pace", panels.pace(view, room))]
        times = ("best times", panels.best(view.best, more=": kata list"))
        slips = [("mistakes made most", panels.mistakes(view))]
        slips.append(("debug rounds", panels.debug(view.debug)))
        latest = ("latest checks", panels.latest(view))
        if count == 3:
            return [[*tracks, latest], [*todo, *habit], [times, *slips]]
        if count == 2:
            return [[*tracks, *habit, times], [*todo, *slips, latest]]
        return [[*todo, *tracks, *habit, times, *slips, latest]]

    def _panel(self, title: str, content: RenderableType) -> Panel:
        return Panel(content, title=title, title_align="left", border_style="soft")


def _headline(view: Overview) -> Columns:
    days = "day" if view.streak == 1 else "days"
    cells = [
        Text.assemble((f"{view.solved}", "strong-good"), f" of {view.total} solved"),
        Text.assemble((f"{view.streak}", "bold"), f" {days} in a row"),
        Text.assemble((panels.hours(view.seconds), "bold"), " at work"),
        Text.assemble((f"{view.checks}", "bold"), " check" if view.checks == 1 else " checks"),
    ]
    return Columns(cells, padding=(0, 4))
