"""The list of katas, and a sweep over all attempts."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from grader.cli.actions import Line
from grader.cli.render.console import clock, mark, minutes_style
from grader.content.catalog import Track

if TYPE_CHECKING:
    # what judging needs takes as long to load as the list to draw
    from grader.cli.checking import Checked

# columns of a row
TITLE, MINUTES = 2, 4
SHORTEST_TITLE, READABLE_TITLE = 8, 40
LEVEL_STYLES = {"warmup": "soft", "easy": "green", "medium": "yellow", "hard": "red"}


def show_list(out: Console, tracks: Iterable[Track], lines: list[Line]) -> None:
    by_track: dict[str, list[Line]] = {}
    for line in lines:
        by_track.setdefault(line.kata.track, []).append(line)
    rows = {line.kata.id: _row(line) for line in lines}
    widths, gap = _widths(out.width, list(rows.values()))
    for track in tracks:
        if track.slug not in by_track:
            continue
        mine = by_track[track.slug]
        solved = sum(line.status == "solved" for line in mine)
        out.print(
            Text.assemble((track.slug, "name"), "  ", (f"{solved}/{len(mine)}", "key"), "  ")
            + Text(track.blurb, style="soft")
        )
        table = Table.grid(padding=(0, gap, 0, 0))
        for column, width in enumerate(widths):
            justify: JustifyMethod = "right" if column == MINUTES else "left"
            table.add_column(width=width, justify=justify, no_wrap=True, overflow="ellipsis")
        for line in mine:
            table.add_row(*rows[line.kata.id])
        out.print(table)
    solved = sum(line.status == "solved" for line in lines)
    out.print(Text.assemble(f"{solved} of {len(lines)} solved. ", ("kata start NAME", "key")))


def _widths(room: int, rows: list[list[Text]]) -> tuple[list[int], int]:
    """One width for each column, over all tracks, and the gap: titles get what is left."""
    widths = [max(text.cell_len for text in column) for column in zip(*rows, strict=True)]
    others, title = sum(widths) - widths[TITLE], widths[TITLE]
    gap = 2 if room - others - 2 * len(widths) >= min(title, READABLE_TITLE) else 1
    widths[TITLE] = max(min(title, room - others - gap * len(widths)), SHORTEST_TITLE)
    return widths, gap


def _row(line: Line) -> list[Text]:
    kata = line.kata
    status = Text(line.status if line.status != "new" else "", style="soft")
    if line.best is not None:
        status = Text(clock(line.best), style=minutes_style(line.best, kata.minutes))
    return [
        mark(line.status),
        Text(kata.slug),
        Text(kata.title, style="soft"),
        Text(kata.level, style=LEVEL_STYLES.get(kata.level, "magenta")),
        Text(f"{kata.minutes} min", style="soft"),
        Text("core" if kata.core else "", style="key"),
        status,
    ]


def option(line: Line) -> Text:
    """One kata in one line, to choose from."""
    kata = line.kata
    text = Text.assemble(mark(line.status), "  ", (kata.id.ljust(36), "name"), kata.title)
    return text.append(f"  {kata.level}, {kata.minutes} min", style="soft")


def show_sweep(out: Console, checked: "list[Checked]") -> None:
    for one in checked:
        result = one.result
        held = sum(test.outcome == "passed" for test in result.tests)
        text = Text.assemble("  ", mark(result.verdict), " ", (one.kata.id, "name"))
        text.append(f"  {result.verdict}")
        if result.tests:
            text.append(f", {held} of {len(result.tests)} claims hold", style="soft")
        out.print(text)
    passed = sum(one.result.passed for one in checked)
    out.print(f"{passed} of {len(checked)} attempts pass")
