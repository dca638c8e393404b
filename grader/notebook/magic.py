"""%kata NAME-OF-A-COMMAND runs it; %%kata NAME-OF-A-KATA judges the cell below it."""

import shlex
import sys
from typing import TYPE_CHECKING, Any

from grader.cli.desk import Desk
from grader.errors import KataError
from grader.notebook.defining import define
from grader.notebook.running import run

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

# what reads an attempt; a check if none of them is named
JUDGING = ("check", "bench")
# after these, a cell with the file follows
BEGINNING = ("start", "debug", "next", "reset")


def register_magic(shell: "InteractiveShell") -> None:
    def kata(line: str, cell: str | None = None) -> None:
        """%kata hint runs a command; %%kata gqa judges the cell.

        What the cell defines can be used in the next one, whatever the verdict. Options are
        those of the command: %%kata gqa --seed 7, %%kata bench gqa, %kata --help.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            print(f"kata: {line}: {error}", file=sys.stderr)
            return
        if cell is None:
            _command(shell, words)
        else:
            _judge(shell, words, line, cell)

    register: Any = shell.register_magic_function
    register(kata, magic_kind="line_cell", magic_name="kata")


def _judge(shell: "InteractiveShell", words: list[str], line: str, cell: str) -> None:
    if words[:1] == [] or words[0] not in JUDGING:
        words = ["check", *words]
    # the line that is not in the cell's text, so that line numbers are those of the notebook
    code = run(shell, [*words, "--file", "-"], source=f"# %%kata {line}\n{cell}")
    if code in (0, 1):
        define(shell, cell)


def _command(shell: "InteractiveShell", words: list[str]) -> None:
    if run(shell, words) == 0 and words[:1] and words[0] in BEGINNING:
        _next_cell(shell)


def _next_cell(shell: "InteractiveShell") -> None:
    """Below, the file of the kata that was started, ready to be judged."""
    try:
        desk = Desk()
        kata = desk.kata(None)
        text = desk.practice.attempt(kata).read_text(encoding="utf-8")
    except (KataError, OSError):
        # all are solved, or it was only asked for help
        return
    shell.set_next_input(f"%%kata {kata.slug}\n{text.rstrip()}\n")
