"""The client of a warm judge. Whatever is wrong with it, a check is judged cold instead."""

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from grader.judge import runtime, wire
from grader.judge.cancel import Cancellation, Cancelled
from grader.judge.cold import at_work, starting
from grader.judge.diagnosed import Diagnosis
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
        talk = Talk(connection, events)
        talk.ask(task)
        selector.register(connection, selectors.EVENT_READ)
        if cancel is not None:
            selector.register(cancel, selectors.EVENT_READ)
        while True:
            if any(key.fileobj is cancel for key, _ in selector.select()):
                # the judge ends what nobody waits for
                raise Cancelled
            if talk.listen():
                assert talk.result
                return talk.result


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
                        talk = Talk(_connect(), Events())
                        talk.ask(task)
                    except NotWarm:
                        yield task, None
                        continue
                    selector.register(talk.connection, selectors.EVENT_READ, (task, talk))
                # with nothing to wait for, select would wait for ever
                for key, _ in selector.select() if selector.get_map() else []:
                    task, talk = key.data
                    with suppress(NotWarm):
                        if not talk.listen():
                            continue
                    selector.unregister(talk.connection)
                    talk.connection.close()
                    yield task, talk.result
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


class Talk:
    """One task, and what the judge says of it.

    Attributes:
        result: None until the verdict came.
    """

    def __init__(self, connection: socket.socket, events: Events) -> None:
        self.connection, self._events, self._lines = connection, events, wire.Lines()
        self.result: Result | None = None

    def ask(self, task: Task) -> None:
        message = {"do": "judge", "task": task.to_data(), "environment": dict(os.environ)}
        try:
            self.connection.sendall(wire.encode(message))
        except OSError as error:
            raise NotWarm(str(error)) from None
        self._events.begun()

    def listen(self) -> bool:
        """Take what came; whether that is all there is to come."""
        try:
            data = self.connection.recv(1 << 20)
            messages = self._lines.feed(data)
        except (OSError, ValueError) as error:
            return self._gone(str(error))
        if not data:
            return self._gone("the judge has gone")
        # each is taken, also after one that says that it is the last
        return any(list(map(self._take, messages)))

    def _take(self, message: dict[str, Any]) -> bool:
        match message:
            case {"test": dict(data)}:
                self._events.tested(wire.test_from_data(data))
            case {"result": dict(data)}:
                self.result = wire.result_from_data(data)
                self._events.judged(self.result)
                return not self.result.undecided
            case {"diagnosis": found} if self.result:
                diagnosis = found and Diagnosis.from_data(found)
                self.result = replace(self.result, undecided=False, diagnosis=diagnosis)
                return True
            case _:
                raise NotWarm("busy")
        return False

    def _gone(self, words: str) -> bool:
        if self.result is None:
            raise NotWarm(words)
        # the verdict stands, if without a diagnosis
        self.result = replace(self.result, undecided=False)
        return True


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
