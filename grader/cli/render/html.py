"""What a command says in a terminal, as HTML for a notebook."""

import io

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

# read on a light page and on a dark one; what has no colour takes the page's
THEME = TerminalTheme(
    (255, 255, 255),
    (0, 0, 0),
    [
        (90, 90, 90), (204, 65, 55), (46, 139, 70), (176, 122, 0),
        (60, 110, 200), (160, 80, 170), (0, 134, 150), (128, 128, 128),
    ],
    [
        (128, 128, 128), (204, 65, 55), (46, 139, 70), (176, 122, 0),
        (60, 110, 200), (160, 80, 170), (0, 134, 150), (128, 128, 128),
    ],
)  # fmt: skip
PAGE = (
    '<pre style="white-space:pre;overflow-x:auto;line-height:1.35;margin:0;'
    "font-family:Menlo,'DejaVu Sans Mono',Consolas,'Courier New',monospace\">{code}</pre>"
)


def as_html(said: str, columns: int) -> str:
    out = Console(record=True, file=io.StringIO(), width=columns, force_jupyter=False)
    # wrapped already, by the command
    out.print(_lines(said), soft_wrap=True)
    return out.export_html(theme=THEME, code_format=PAGE, inline_styles=True)


def without_codes(said: str) -> str:
    return _lines(said).plain


def _lines(said: str) -> Text:
    lines = Text.from_ansi(said, no_wrap=True).split("\n", allow_blank=True)
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)
