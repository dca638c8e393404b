"""The list of katas, and a sweep over all attempts."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.cli.actions import Line
from grader.cli.render.console import clock, mark, minutes_style
from grader.content.catalog import Track

if TYPE_CHECKING:
    # what judging needs takes as long to load as the list to draw
    from grader.cli.checking import Checked

LEVEL_STYLES = {"warmup": "soft", "easy": "green", "medium": "yellow", "hard": "red"}


def show_list(out: Console, tracks: Iterable[Track], lines: list[Line]) -> None:
    by_track: dict[str, list[Line]] = {}
    for line in lines:
        by_track.setdefault(line.kata.track, []).append(line)
    slugs = max(len(line.kata.slug) for line in lines)
    titles = max(len(line.kata.title) for line in lines)
    for track in tracks:
        if track.slug not in by_track:
            continue
        mine = by_track[track.slug]
        solved = sum(line.status == "solved" for line in mine)
        out.print(
            Text.assemble((track.slug, "name"), "  ", (f"{solved}/{len(mine)}", "key"), "  ")
            + Text(track.blurb, style="soft")
        )
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=True)
        table.add_column(width=1)
        table.add_column(min_width=slugs, no_wrap=True)
        table.add_column(min_width=min(titles, 44), no_wrap=True, overflow="ellipsis")
        table.add_column(min_width=6, no_wrap=True)
        table.add_column(min_width=6, justify="right", no_wrap=True)
        table.add_column(min_width=4, no_wrap=True)
        table.add_column(min_width=8, no_wrap=True)
        for line in mine:
            table.add_row(*_row(line))
        out.print(table)
    solved = sum(line.status == "solved" for line in lines)
    out.print(Text.assemble(f"{solved} of {len(lines)} solved. ", ("kata start NAME", "key")))


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
