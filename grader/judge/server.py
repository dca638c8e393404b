"""The warm judge: a process with torch loaded that forks one child a check.

    python -m grader.judge.server SOCKET

One thread, one loop: a process with more could not be forked safely.
"""

import os
import selectors
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grader.judge import runtime, wire
from grader.judge.events import Events
from grader.judge.pool import BEAT, Pool, clear_away
from grader.judge.protocol import Result, Task, TestResult

IDLE = float(os.environ.get("KATA_JUDGE_IDLE", "600"))
# beyond this, another would wait for the processor as long as a cold start takes
MOST = 4 * (os.cpu_count() or 1)
LOOK = 2.0


class Client:
    """One connection: at most one task."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.lines = connection, wire.Lines()
        self.key: str | None = None

    def send(self, message: dict[str, Any]) -> None:
        """Results are small; a client that does not read them is given up."""
        self.connection.settimeout(5)
        with suppress(OSError):
            self.connection.sendall(wire.encode(message))
        self.connection.setblocking(False)


class Relay(Events):
    """Tells a client of its check."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def tested(self, test: TestResult) -> None:
        self._client.send({"test": wire.test_to_data(test)})

    def judged(self, result: Result) -> None:
        self._client.send({"result": wire.result_to_data(result)})


class Server:
    def __init__(self, listener: socket.socket, path: Path) -> None:
        self._listener, self._path = listener, path
        # its environment is not the client's any more: what counts is whether this changes
        self._fingerprint = runtime.fingerprint()
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._clients: dict[int, Client] = {}
        self._pool = Pool(self._selector)
        self._began = self._busy = time.monotonic()
        self._looked = 0.0
        self._checks = 0
        self._stopping = False

    def serve(self) -> None:
        """Answer until it is idle for long, out of date, or told to stop."""
        with self._pool:
            while not self._stopping or len(self._pool):
                for key, _ in self._selector.select(BEAT if len(self._pool) else 1.0):
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.data, Client):
                        self._read(key.data)
                    else:
                        self._pool.read(key)
                if len(self._pool):
                    self._busy = time.monotonic()
                    for task, result in self._pool.beat():
                        self._part(task, result)
                elif self._obsolete():
                    self._stopping = True

    def _obsolete(self) -> bool:
        now = time.monotonic()
        if now - self._busy > IDLE:
            return True
        if now - self._looked > LOOK:
            self._looked = now
            with suppress(OSError):
                return runtime.fingerprint() != self._fingerprint or not self._path.exists()
            return True
        return False

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if _peer(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        client = Client(connection)
        self._clients[connection.fileno()] = client
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: Client) -> None:
        try:
            data = client.connection.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave(client)
            return
        try:
            for message in client.lines.feed(data):
                self._handle(client, message)
        except (ValueError, KeyError, TypeError):
            self._leave(client)

    def _handle(self, client: Client, message: dict[str, Any]) -> None:
        match message:
            case {"do": "judge", "task": dict(task), "environment": dict(environment)}:
                if len(self._pool) >= MOST or client.key is not None:
                    client.send({"busy": True})
                    return
                self._judge(client, Task.from_data(task), environment)
            case {"do": "status"}:
                client.send({"status": self._status()})
            case {"do": "stop"}:
                self._stopping = True
                client.send({"status": self._status()})

    def _judge(self, client: Client, task: Task, environment: dict[str, str]) -> None:
        from grader.judge.forked import start_forked

        def launch(task: Task) -> Any:
            return start_forked(task, environment, self._forget)

        client.key = task.key
        self._checks += 1
        self._pool.start(task, launch, Relay(client))

    def _forget(self) -> None:
        """In the child: what belongs to this process."""
        for client in self._clients.values():
            client.connection.close()
        self._listener.close()
        self._selector.close()
        self._pool.forget()

    def _part(self, task: Task, result: Result) -> None:
        for client in list(self._clients.values()):
            if client.key == task.key:
                client.send({"diagnosis": result.diagnosis and asdict(result.diagnosis)})
                client.key = None
                self._leave(client)

    def _leave(self, client: Client) -> None:
        """A client has gone: what it asked for is worth nothing any more."""
        with suppress(KeyError):
            self._selector.unregister(client.connection)
        self._clients.pop(client.connection.fileno(), None)
        client.connection.close()
        if client.key is not None:
            self._pool.cancel(client.key)

    def _status(self) -> dict[str, Any]:
        from grader.judge.processes import resident_bytes

        return {
            "pid": os.getpid(),
            "seconds": time.monotonic() - self._began,
            "checks": self._checks,
            "running": len(self._pool),
            "resident": resident_bytes(os.getpid()),
        }


def _peer(connection: socket.socket) -> int:
    """The user at the other end."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", raw)
    return int(uid)


def main() -> None:
    path = Path(sys.argv[1])
    from grader.locking import try_lock

    with try_lock(path.with_suffix(".lock")) as mine:
        if not mine:
            # another one is starting, or serves already
            return
        with suppress(FileNotFoundError):
            path.unlink()
        from grader.judge.child.warm import load

        load()
        clear_away()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(path))
            os.chmod(path, 0o600)
            listener.listen(64)
            listener.setblocking(False)
            try:
                Server(listener, path).serve()
            finally:
                with suppress(OSError):
                    path.unlink()


if __name__ == "__main__":
    main()
    # saves tearing torch down
    os._exit(0)
