"""The console, and words and marks that several views share."""

import os
import sys

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text
from rich.theme import Theme

THEME = Theme(
    {
        "good": "green",
        "bad": "red",
        "wait": "yellow",
        "soft": "bright_black",
        # a style of the theme cannot be combined with another in one word
        "strong-good": "bold green",
        "strong-bad": "bold red",
        "strong-wait": "bold yellow",
        "strong-soft": "bold bright_black",
        "name": "bold",
        "key": "cyan",
    }
)
# a file or a pipe has no edge: nothing is cut or wrapped there
WIDE = 400
MARKS = {
    "passed": ("✓", "good"),
    "failed": ("✗", "bad"),
    "timeout": ("✗", "bad"),
    "crashed": ("✗", "bad"),
    "unimplemented": ("○", "wait"),
    "skipped": ("-", "soft"),
    "unjudged": ("·", "soft"),
    "solved": ("✓", "good"),
    "started": ("▸", "wait"),
    "given up": ("⚑", "soft"),
    "new": (" ", "soft"),
}
PLAIN = {
    "✓": "ok", "✗": "X", "○": "o", "▸": ">", "⚑": "!", "·": ".",
    "●": "*", "◉": "@", "┊": ":", "─": "-", "µ": "u",
}  # fmt: skip


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    # colours may be forced on a file, but nothing that moves, which is what goes to stderr
    terminal = False if stderr and not stream.isatty() else None
    return Console(
        stderr=stderr, theme=THEME, highlight=False, width=width, emoji=False,
        force_terminal=terminal,
    )  # fmt: skip


class Indented:
    """Content that begins some columns further in, without blanks behind it."""

    def __init__(self, content: RenderableType, columns: int) -> None:
        self._content, self._columns = content, columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        inner = options.update(width=max(options.max_width - self._columns, 1))
        for line in console.render_lines(self._content, inner, pad=False):
            yield Segment(" " * self._columns)
            yield from line
            yield Segment.line()


def mark(kind: str) -> Text:
    """One sign for an outcome or a status."""
    shown, style = MARKS.get(kind, ("✗", "bad"))
    return Text(sign(shown), style=style)


def sign(character: str) -> str:
    """The sign, or letters where the encoding has no signs."""
    # a screen of its own has no encoding to ask for
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    return character if encoding.startswith("utf") else PLAIN.get(character, character)


def clock(seconds: float) -> str:
    """4:05, or 1:04:05."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """3 ms, 1.24 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def minutes_style(seconds: float, minutes: int) -> str:
    return "good" if seconds <= minutes * 60 else "wait"
