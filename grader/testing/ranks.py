"""Real ranks: forked processes that talk over gloo on the loopback."""

import os
import pickle
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from grader.testing.compare import Mismatch

TIMEOUT = 8.0


class RankError(AssertionError):
    """A rank raised, or ended without an answer.

    Attributes:
        rank: Which one.
        headline: What it raised, in one line.
        frames: (file, line, function) from the outermost call to the innermost.
        facts: More lines, for a Mismatch that was raised in the rank.
    """

    def __init__(
        self,
        rank: int,
        headline: str,
        frames: list[tuple[str, int, str]],
        facts: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"rank {rank}: {headline}")
        self.rank, self.headline, self.frames, self.facts = rank, headline, frames, facts


def run_ranks(
    function: Callable[..., Any], world_size: int, *args: Any, timeout: float = TIMEOUT
) -> list[Any]:
    """Run function(rank, *args) in world_size processes with a gloo process group.

    Args:
        function: Called in each rank with torch.distributed initialised. Closures
            are fine: ranks are forked.
        world_size: How many ranks.
        args: Passed on, the same for each rank; pick by rank within function.
        timeout: Seconds after which a rank that waits for another gives up.

    Returns:
        What function returned in each rank, in the order of ranks. It must pickle.

    Raises:
        RankError: The first rank that raised, or ended without an answer.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory(prefix="kata-ranks-") as folder:
        ranks = [
            _fork(function, rank, world_size, args, folder, timeout) for rank in range(world_size)
        ]
        try:
            answers = _collect(dict(ranks), timeout + 5)
        finally:
            for pid, _ in ranks:
                _end(pid)
    errors = [answer for answer in answers if isinstance(answer, RankError)]
    if errors:
        # a rank that only waited for the one that failed is not the cause
        raise min(errors, key=lambda error: (_waited(error), error.rank))
    return [answer[0] for answer in answers]


def _fork(
    function: Callable[..., Any],
    rank: int,
    world_size: int,
    args: tuple[Any, ...],
    folder: str,
    timeout: float,
) -> tuple[int, tuple[int, int]]:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, (rank, read)
    os.close(read)
    try:
        answer = _run(function, rank, world_size, args, folder, timeout)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(answer)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # skips exit handlers, which belong to the process that was forked
        os._exit(0)


def _run(
    function: Callable[..., Any],
    rank: int,
    world_size: int,
    args: tuple[Any, ...],
    folder: str,
    timeout: float,
) -> bytes:
    import torch
    import torch.distributed as dist

    os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"
    try:
        dist.init_process_group(
            "gloo",
            store=dist.FileStore(os.path.join(folder, "store"), world_size),
            rank=rank,
            world_size=world_size,
            timeout=timedelta(seconds=timeout),
        )
        torch.manual_seed(torch.initial_seed() + rank)
        answer = pickle.dumps((function(rank, *args),))
        # the others may still read from this one
        dist.barrier()
        return answer
    except BaseException as error:
        frames = [
            (frame.filename, frame.lineno or 0, frame.name)
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        facts = error.facts if isinstance(error, Mismatch) else ()
        words = error.headline if isinstance(error, Mismatch) else _words(error)
        return pickle.dumps(("error", rank, words, frames, facts))


def _words(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _collect(ranks: dict[int, tuple[int, int]], seconds: float) -> list[Any]:
    """Read every rank's answer; what has none when time is up is an error."""
    deadline = time.monotonic() + seconds
    received: dict[int, bytearray] = {rank: bytearray() for rank, _ in ranks.values()}
    with selectors.DefaultSelector() as selector:
        for rank, pipe in ranks.values():
            selector.register(pipe, selectors.EVENT_READ, rank)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 1 << 16)
                received[key.data] += chunk
                if not chunk:
                    selector.unregister(key.fd)
        silent = {key.data for key in selector.get_map().values()}
    for _, pipe in ranks.values():
        os.close(pipe)
    return [_answer(rank, bytes(data), rank in silent) for rank, data in received.items()]


def _answer(rank: int, data: bytes, silent: bool) -> Any:
    if not data:
        reason = "did not answer in time" if silent else "ended without an answer"
        return RankError(rank, reason, [])
    answer = pickle.loads(data)
    return RankError(*answer[1:]) if answer[0] == "error" and len(answer) == 5 else answer


def _waited(error: RankError) -> bool:
    signs = ("timed out", "Timed out", "closed by peer", "Connection reset", "did not answer")
    return any(sign in error.headline for sign in signs)


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)
