"""The command `kata`: runs the app, and turns errors into words and an exit code."""

import io
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from grader.cli.parting import part
from grader.errors import KataError

INTERNAL, INTERRUPTED = 3, 130


def main() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        # a sign that the encoding lacks is no reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        # whoever closes the terminal leaves no check behind; nohup's wish is kept
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    code = _run()
    try:
        part()
        sys.stdout.flush()
    except BrokenPipeError:
        _hush()
    if threading.active_count() > 1:
        sys.exit(code)
    # nothing is left to do: saves taking Python down piece by piece
    os._exit(code)


def _run() -> int:
    """Run the command; its exit code."""
    try:
        from grader.cli.app import app

        app(prog_name="kata")
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except KataError as error:
        _say(f"kata: {error}")
        return error.code
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _hush()
    except Exception as error:
        if os.environ.get("KATA_DEBUG"):
            raise
        _say(f"kata: an error of ours: {type(error).__name__}: {error}")
        _say("Your attempts and your progress are untouched. KATA_DEBUG=1 shows the traceback.")
        return INTERNAL
    return 0


def _hush() -> None:
    """The reader, such as head, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _say(words: str) -> None:
    print(words, file=sys.stderr)
