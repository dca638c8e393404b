"""A person's notes on a kata."""

from typing import ClassVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import Heading, Markdown
from rich.text import Text

from grader.cli.render.console import Indented
from grader.judge.output import plain
from grader.progress.notes import Notes

# longer lines are hard to read
WIDEST = 100
# of what is shown after a check; the rest is a command away
LINES = 16


class LeftHeading(Heading):
    """A heading where text begins."""

    LEVEL_ALIGN: ClassVar = {}


class Written(Markdown):
    """Markdown as on paper; as it was written where it goes to no terminal."""

    elements: ClassVar = Markdown.elements | {"heading_open": LeftHeading}

    def __init__(self, text: str) -> None:
        self._text = plain(text).strip("\n")
        super().__init__(self._text, code_theme="ansi_dark", hyperlinks=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not options.is_terminal:
            yield Text(self._text)
            return
        inner = options.update(width=min(options.max_width, WIDEST))
        yield from super().__rich_console__(console, inner)


def show_notes(out: Console, notes: Notes) -> None:
    out.print(Written(notes.text))
    out.print(Text(f"in {notes.path}", style="soft"))
    out.print(_beside(notes))


def notes_after(notes: Notes) -> list[RenderableType]:
    """After a check or in a review: the first lines, and where the rest is."""
    lines = notes.text.strip().splitlines()
    rows: list[RenderableType] = [Text(f"Your notes, {notes.path}:", style="soft")]
    rows.append(Indented(Written("\n".join(lines[:LINES])), 2))
    if len(lines) > LINES:
        more = f"{len(lines) - LINES} more lines: "
        command = f"kata notes {notes.kata.base} --show"
        rows.append(Text.assemble("  ", (more, "soft"), (command, "key")))
    return [*rows, *_beside(notes).renderables]


def _beside(notes: Notes) -> Group:
    words = "Imported notes differ from these: "
    return Group(*(Text(f"{words}{path}", style="wait") for path in notes.beside))
