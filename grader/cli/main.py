"""The command `kata`: runs the app, and turns errors into words and an exit code."""

import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

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
    try:
        from grader.cli.app import app

        app(prog_name="kata")
    except KataError as error:
        _say(f"kata: {error}")
        sys.exit(error.code)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("KATA_DEBUG"):
            raise
        _say(f"kata: an error of ours: {type(error).__name__}: {error}")
        _say("Your attempts and your progress are untouched. KATA_DEBUG=1 shows the traceback.")
        sys.exit(INTERNAL)
    sys.exit(0)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _say(words: str) -> None:
    print(words, file=sys.stderr)
