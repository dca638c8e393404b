"""Runs a command as a terminal would, and shows what it says: as HTML in a browser."""

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from grader.cli.place import VARIABLE

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

COMMAND = [sys.executable, "-P", "-m", "grader"]
COLUMNS = 100


def run(shell: "InteractiveShell", words: list[str], *, source: str | None = None) -> int:
    """Run a command to its end; its exit code.

    Args:
        source: What it reads as its input.
    """
    # IPython in a terminal; all others, Colab's too, show HTML
    if type(shell).__name__ == "TerminalInteractiveShell":
        return _in_terminal(words, source)
    return _in_browser(words, source)


def _in_terminal(words: list[str], source: str | None) -> int:
    stdin = None if source is None else subprocess.PIPE
    environment = os.environ | {VARIABLE: "1"}
    process = subprocess.Popen([*COMMAND, *words], stdin=stdin, env=environment)
    try:
        process.communicate(None if source is None else source.encode())
    except KeyboardInterrupt:
        # the terminal has told the command, too
        process.wait()
    return process.returncode


def _in_browser(words: list[str], source: str | None) -> int:
    environment = os.environ | {
        VARIABLE: "1",
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
        "TERM": "xterm-256color",
        "PYTHONIOENCODING": "utf-8",
    }
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        # an interrupt comes from here, once
        start_new_session=True,
    )
    try:
        said, complained = process.communicate((source or "").encode())
    except KeyboardInterrupt:
        _interrupt(process)
        said, complained = process.communicate()
    except BaseException:
        process.kill()
        raise
    _show(said.decode(errors="replace"))
    if complained:
        print(complained.decode(errors="replace"), end="", file=sys.stderr)
    return process.returncode


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "nt":
        process.terminate()
    else:
        process.send_signal(signal.SIGINT)


def _show(said: str) -> None:
    if not said.strip():
        return
    from IPython.display import display

    from grader.cli.render.html import as_html, without_codes

    data = {"text/plain": without_codes(said), "text/html": as_html(said, COLUMNS)}
    display(data, raw=True)  # type: ignore[no-untyped-call]
