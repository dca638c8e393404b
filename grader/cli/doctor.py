"""What this machine offers. The torch part runs in a process of its own."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass

from grader.cli.actions import Desk
from grader.content.catalog import content_root


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and whether it is as it should be.

    Attributes:
        advice: What to do if it is not.
    """

    what: str
    found: str
    ok: bool = True
    advice: str = ""


def examine(desk: Desk) -> list[Finding]:
    return [
        _python(),
        Finding("katas", f"{len(list(desk.catalog))} in {content_root()}"),
        _practice(desk),
        *_torch(),
    ]


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} ({sys.executable}), {platform.platform()}"
    return Finding("Python", found, ok, "kata needs Python 3.11 or later")


def _practice(desk: Desk) -> Finding:
    root = desk.practice.root
    place = root if root.exists() else root.parent
    if not os.access(place, os.W_OK):
        advice = "make it writable, or set KATA_PRACTICE to a folder that is"
        return Finding("practice", f"{root} (not writable)", False, advice)
    if not desk.practice.database.exists():
        return Finding("practice", f"{root} (nothing there yet)")
    events = len(desk.store.events())
    size = desk.practice.database.stat().st_size
    note = f"; {desk.store.notice}" if desk.store.notice else ""
    return Finding("practice", f"{root}, {events} events, {size / 1024:.0f} KiB{note}")


def _torch() -> list[Finding]:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "grader.judge.child.probe"],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        *_, last = done.stdout.strip().splitlines() or [""]
        return [Finding(**finding) for finding in json.loads(last)]
    except subprocess.TimeoutExpired:
        return [
            Finding("torch", "did not load within 180 s", False, "try it: python -c 'import torch'")
        ]
    except (json.JSONDecodeError, TypeError):
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return [Finding("torch", why, False, "reinstall it: pip install 'torch>=2.8,<2.14'")]
