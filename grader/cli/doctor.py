"""What this machine offers. The torch part runs in a process of its own."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass

from grader.cli.desk import Desk
from grader.content.catalog import content_root
from grader.errors import KataError


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
        warm_judge(),
    ]


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} ({sys.executable}), {platform.platform()}"
    return Finding("Python", found, ok, "kata needs Python 3.11 or later")


def _practice(desk: Desk) -> Finding:
    practice = desk.practice
    root = practice.root
    there = [path for path in (root, practice.state, practice.database) if path.exists()]
    for place in there or [root.parent]:
        if not os.access(place, os.W_OK):
            advice = "make it writable, or set KATA_PRACTICE to a folder that is"
            return Finding("practice", f"{place} (not writable)", False, advice)
    if not practice.database.exists():
        return Finding("practice", f"{root} (nothing there yet)")
    try:
        events = len(desk.store.events())
    except KataError as error:
        return Finding("practice", str(error), False)
    size = practice.database.stat().st_size
    return Finding("practice", f"{root}, {events} events, {size / 1024:.0f} KiB")


def warm_judge(*, stop: bool = False) -> Finding:
    """What the warm judge says of itself; it ends after its running checks if it is to stop."""
    from grader.judge import runtime, warm

    if not runtime.supported():
        why = "KATA_COLD is set" if os.environ.get("KATA_COLD") else "forking is not safe here"
        return Finding("warm judge", f"not used: {why}; each check starts afresh")
    status = warm.ask("stop" if stop else "status")
    if status is None:
        return Finding("warm judge", "none runs; the next check starts one")
    words = f"process {status['pid']}, {status['checks']} checks in {status['seconds']:.0f} s"
    resident = f"{status['resident'] / 2**20:.0f} MiB"
    return Finding("warm judge", f"{'stopped: ' if stop else ''}{words}, {resident}")


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
