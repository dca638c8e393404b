"""The client of a warm judge. Whatever is wrong with it, a check is judged cold instead."""

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from grader.judge import runtime, wire
from grader.judge.cancel import Cancellation, Cancelled
from grader.judge.cold import at_work, starting
from grader.judge.events import Events
from grader.judge.protocol import Result, Task


class NotWarm(Exception):
    """No judge answers, or it ended before its verdict."""


def fits(task: Task) -> bool:
    """Whether a forked child can judge the task."""
    on_gpu = task.device == "cuda" or (task.device == "auto" and "triton" in task.requires)
    return runtime.supported() and not (on_gpu and runtime.has_gpu())


def judge_warm(
    task: Task, events: Events | None = None, cancel: Cancellation | None = None
) -> Result:
    """Have one task judged.

    Raises:
        NotWarm: Judge it cold.
        Cancelled: It was ended.
    """
    events = events or Events()
    with _connect() as connection, selectors.DefaultSelector() as selector:
        _send(connection, task)
        events.begun()
        lines = wire.Lines()
        selector.register(connection, selectors.EVENT_READ)
        if cancel is not None:
            selector.register(cancel, selectors.EVENT_READ)
        while True:
            if any(key.fileobj is cancel for key, _ in selector.select()):
                # the judge ends what nobody waits for
                raise Cancelled
            result = _receive(connection, lines, events)
            if result is not None:
                return result


def judge_many_warm(tasks: Iterable[Task], jobs: int) -> Iterator[tuple[Task, Result | None]]:
    """Have tasks judged, so many at once; None for one that must be judged cold."""
    waiting, more = iter(tasks), True
    with selectors.DefaultSelector() as selector:
        try:
            while more or selector.get_map():
                while more and len(selector.get_map()) < jobs:
                    task = next(waiting, None)
                    more = task is not None
                    if task is None:
                        break
                    try:
                        connection = _connect()
                        _send(connection, task)
                    except NotWarm:
                        yield task, None
                        continue
                    selector.register(connection, selectors.EVENT_READ, (task, wire.Lines()))
                for key, _ in selector.select():
                    task, lines = key.data
                    assert isinstance(key.fileobj, socket.socket)
                    try:
                        result = _receive(key.fileobj, lines, Events())
                    except NotWarm:
                        result = None
                    else:
                        if result is None:
                            continue
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    yield task, result
        finally:
            # the judge ends what nobody waits for
            for key in list(selector.get_map().values()):
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.close()


def ask(what: str) -> dict[str, Any] | None:
    """Ask for "status" or "stop"; what the judge says of itself, or None if there is none."""
    try:
        with _connect() as connection:
            connection.settimeout(10)
            connection.sendall(wire.encode({"do": what}))
            lines = wire.Lines()
            while True:
                data = connection.recv(1 << 16)
                if not data:
                    return None
                for message in lines.feed(data):
                    status: dict[str, Any] = message["status"]
                    return status
    except (NotWarm, OSError, ValueError, KeyError):
        return None


def start_judge() -> None:
    """Start a warm judge for later checks; it goes by itself. Never fails, never waits."""
    if not runtime.supported():
        return
    with suppress(OSError), starting:
        path = runtime.socket_path()
        judge = subprocess.Popen(
            [sys.executable, "-P", "-m", "grader.judge.server", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        at_work.add(judge.pid)
        # nobody waits for it, and that is no mistake to warn of
        judge.returncode = 0


def _connect() -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(runtime.socket_path()))
    except OSError as error:
        connection.close()
        raise NotWarm(str(error)) from None
    return connection


def _send(connection: socket.socket, task: Task) -> None:
    message = {"do": "judge", "task": task.to_data(), "environment": dict(os.environ)}
    try:
        connection.sendall(wire.encode(message))
    except OSError as error:
        raise NotWarm(str(error)) from None


def _receive(connection: socket.socket, lines: wire.Lines, events: Events) -> Result | None:
    """What came: the result, or None if it is not complete yet."""
    try:
        data = connection.recv(1 << 20)
        messages = lines.feed(data)
    except (OSError, ValueError) as error:
        raise NotWarm(str(error)) from None
    if not data:
        raise NotWarm("the judge has gone")
    for message in messages:
        match message:
            case {"result": dict(found)}:
                result = wire.result_from_data(found)
                events.judged(result)
                return result
            case {"test": dict(found)}:
                events.tested(wire.test_from_data(found))
            case _:
                raise NotWarm("busy")
    return None


def ensure_judge() -> None:
    """Start a judge if none answers; waits for nothing."""
    if runtime.supported() and ask("status") is None:
        start_judge()


def wait_for_judge(seconds: float = 60.0) -> bool:
    """Start a judge if there is none, and wait until it answers; whether it does."""
    if not runtime.supported():
        return False
    deadline = time.monotonic() + seconds
    started = False
    while time.monotonic() < deadline:
        if ask("status") is not None:
            return True
        if not started:
            start_judge()
            started = True
        time.sleep(0.05)
    return False
