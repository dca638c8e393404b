"""Real ranks: forked processes that talk over gloo on the loopback."""

import ctypes
import os
import pickle
import re
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from types import FrameType
from typing import Any, NoReturn

from grader.testing.words import Mismatch

TIMEOUT = 5.0
# an attempt that deadlocks once does so in most tests: the later ones wait less
TIMEOUT_AFTER_ONE = 1.0
GRACE = 3.0

# who is to blame when several ranks fail: the lowest
RAISED, STUCK, WAITED, LOST, FINISHED = range(5)

_timed_out = False


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


class _Stuck(BaseException):
    """Raised in a rank that still computes when its time is up."""


def run_ranks(
    function: Callable[..., Any], world_size: int, *args: Any, timeout: float = TIMEOUT
) -> list[Any]:
    """Run function(rank, *args) in world_size processes with a gloo process group.

    Args:
        function: Called in each rank with torch.distributed initialised. Closures
            are fine: ranks are forked.
        world_size: How many ranks.
        args: Passed on, the same for each rank; pick by rank within function.
        timeout: Seconds after which a rank that waits for another gives up. At
            most TIMEOUT_AFTER_ONE once ranks of this process have timed out.

    Returns:
        What function returned in each rank, in the order of ranks. It must pickle.

    Raises:
        RankError: The rank that is the likely cause: one that raised or crashed
            before one that is stuck, and both before those that waited for them.
    """
    global _timed_out
    if _timed_out:
        timeout = min(timeout, TIMEOUT_AFTER_ONE)
    sys.stdout.flush()
    sys.stderr.flush()
    ranks: list[tuple[int, int]] = []
    received: list[bytearray] = [bytearray() for _ in range(world_size)]
    statuses: list[int] = []
    with tempfile.TemporaryDirectory(prefix="kata-ranks-") as folder:
        try:
            for rank in range(world_size):
                ranks.append(_fork(function, rank, world_size, args, folder, timeout))
            silent = _collect([pipe for _, pipe in ranks], received, timeout + GRACE)
        finally:
            statuses.extend(_end(pid, pipe) for pid, pipe in ranks)
    answers = [
        _answer(rank, bytes(received[rank]), rank in silent, statuses[rank])
        for rank in range(world_size)
    ]
    errors = [answer for answer in answers if isinstance(answer[1], RankError)]
    if errors:
        blame, error = min(errors, key=lambda answer: (answer[0], answer[1].rank))
        _timed_out = _timed_out or blame != RAISED
        raise error
    return [value[0] for _, value in answers]


def _fork(
    function: Callable[..., Any],
    rank: int,
    world_size: int,
    args: tuple[Any, ...],
    folder: str,
    timeout: float,
) -> tuple[int, int]:
    parent = os.getpid()
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    try:
        os.close(read)
        _die_with(parent)
        answer = _run(function, rank, world_size, args, folder, timeout)
        with os.fdopen(write, "wb") as pipe:
            # the length tells the end, for a process that the attempt started may hold the pipe
            pipe.write(len(answer).to_bytes(8, "big") + answer)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # skips exit handlers, which belong to the process that was forked
        os._exit(0)


def _die_with(parent: int) -> None:
    """End this process when its parent ends, were it by SIGKILL."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


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

    def give_up(number: int, frame: FrameType | None) -> NoReturn:
        raise _Stuck(f"still running after {timeout + 1:g} s")

    os.environ["GLOO_SOCKET_IFNAME"] = "lo" if sys.platform == "linux" else "lo0"
    finished = False
    try:
        # a wait for another rank ends by itself after timeout; this ends all else
        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, timeout + 1)
        # for the groups that the function makes, which wait half an hour otherwise
        dist.distributed_c10d.default_pg_timeout = timedelta(seconds=timeout)
        dist.init_process_group(
            "gloo",
            store=dist.FileStore(  # type: ignore[attr-defined]
                os.path.join(folder, "store"), world_size
            ),
            rank=rank,
            world_size=world_size,
            timeout=timedelta(seconds=timeout),
        )
        # or a rank that raises at once is lost to one that still connects
        dist.barrier()
        torch.manual_seed(torch.initial_seed() + rank)
        answer = pickle.dumps((RAISED, (function(rank, *args),)))
        finished = True
        # the others may still read from this one
        dist.barrier()
        return answer
    except BaseException as error:
        blame, words = _words(error)
        frames = [
            (frame.filename, frame.lineno or 0, frame.name)
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename != __file__
        ]
        facts = error.facts if isinstance(error, Mismatch) else ()
        if finished and blame != RAISED:
            blame = FINISHED
        return pickle.dumps((blame, (rank, words, frames, facts), "error"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _words(error: BaseException) -> tuple[int, str]:
    """How far this rank is to blame, and its error in one line."""
    if isinstance(error, Mismatch):
        return RAISED, error.headline
    try:
        first = (str(error).splitlines() or [""])[0]
    except Exception:
        first = ""
    if isinstance(error, _Stuck):
        return STUCK, first
    if isinstance(error, RuntimeError):
        # gloo's own words start with a path in the machine that built it
        if waited := re.search(r"Timed out waiting (\d+)ms for (send|recv)", first):
            what = "a message that did not come"
            if waited[2] == "send":
                what = "another rank to receive what this one sends"
            return WAITED, f"waited {int(waited[1]) / 1000:g} s for {what}"
        if re.search(r"[Tt]imed out|timeout caused|Wait timeout", first):
            return WAITED, "waited in vain for another rank"
        if re.search(r"Connection (closed|reset)|Broken pipe", first):
            return LOST, "another rank ended while this one waited for it"
    return RAISED, f"{type(error).__name__}: {first}" if first else type(error).__name__


def _collect(pipes: Sequence[int], received: list[bytearray], seconds: float) -> set[int]:
    """Read every rank's answer; return the ranks that gave none in time."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for rank, pipe in enumerate(pipes):
            selector.register(pipe, selectors.EVENT_READ, rank)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 1 << 16)
                received[key.data] += chunk
                if not chunk or _whole(received[key.data]):
                    selector.unregister(key.fd)
        return {key.data for key in selector.get_map().values()}


def _whole(data: bytes | bytearray) -> bool:
    return len(data) >= 8 and len(data) - 8 >= int.from_bytes(data[:8], "big")


def _answer(rank: int, data: bytes, silent: bool, status: int) -> tuple[int, Any]:
    """What a rank sent: (RAISED, (value,)), or a RankError and how far it is to blame."""
    if not _whole(data):
        if silent:
            return STUCK, RankError(rank, "did not answer in time", [])
        if os.WIFSIGNALED(status):
            name = signal.Signals(os.WTERMSIG(status)).name
            return RAISED, RankError(rank, f"crashed ({name})", [])
        code = os.waitstatus_to_exitcode(status)
        return RAISED, RankError(rank, f"ended its process (exit code {code})", [])
    try:
        blame, value, *failed = pickle.loads(data[8:])
    except Exception as error:
        return RAISED, RankError(rank, f"its answer cannot be read: {_words(error)[1]}", [])
    return (blame, RankError(*value)) if failed else (blame, value)


def _end(pid: int, pipe: int) -> int:
    """End a rank if it still runs; its wait status."""
    os.close(pipe)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
