"""run_ranks: answers in order, words for what went wrong, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed as dist

from grader.testing import Mismatch, RankError, assert_close, ranks, run_ranks

# from Python 3.12 on; ranks call nothing that needs the threads which are not there
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
# seconds after which a deadlock is given up: enough for ranks to find each other
SOON = 1.5


@pytest.fixture(autouse=True)
def _first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadlock shortens the waits of later tests in its process: here each is the first."""
    monkeypatch.setattr(ranks, "_timed_out", False)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Whatever ranks did, they are gone, and reaped, when run_ranks returns."""
    here = psutil.Process()
    # a judge of another test may have made this process the one that orphans come to
    ended = psutil.STATUS_ZOMBIE
    before, files = {p.pid for p in here.children(recursive=True)}, here.num_fds()
    yield
    left = [p for p in here.children(recursive=True) if p.pid not in before]
    assert [p for p in left if p.is_running() and p.status() != ended] == []
    assert here.num_fds() <= files
    assert not dist.is_initialized()


@pytest.fixture
def fails() -> Callable[..., RankError]:
    def call(function: Callable[..., object], world_size: int, *args: object) -> RankError:
        with pytest.raises(RankError) as info:
            run_ranks(function, world_size, *args, timeout=SOON)
        return info.value

    return call


def summed(rank: int, x: torch.Tensor) -> torch.Tensor:
    y = x * (rank + 1)
    dist.all_reduce(y)
    return y


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_ranks_talk_and_answer_in_order(world_size: int):
    x = torch.arange(4.0)
    total = world_size * (world_size + 1) / 2

    assert run_ranks(lambda rank: (rank, dist.get_world_size()), world_size) == [
        (rank, world_size) for rank in range(world_size)
    ]
    for y in run_ranks(summed, world_size, x):
        assert_close(y, x * total)


def test_answers_are_in_order_even_if_the_first_is_the_last_to_finish():
    def slow_at_first(rank: int) -> int:
        time.sleep(0.3 * (2 - rank))
        return rank

    assert run_ranks(slow_at_first, 3) == [0, 1, 2]


def test_a_rank_talks_to_one_other():
    def pass_on(rank: int) -> float:
        x = torch.tensor([float(rank)])
        request = dist.isend(x, (rank + 1) % 3)
        y = torch.empty(1)
        dist.recv(y, (rank - 1) % 3)
        request.wait()
        return y.item()

    assert run_ranks(pass_on, 3) == [2, 0, 1]


def test_large_answers_arrive_whole():
    answers = run_ranks(lambda rank: torch.full((500_000,), rank), 2)

    assert [answer.unique().tolist() for answer in answers] == [[0], [1]]


def test_none_is_an_answer():
    assert run_ranks(lambda rank: None, 2) == [None, None]


def test_ranks_draw_different_numbers_the_same_each_time():
    def draw(rank: int) -> float:
        return torch.rand(()).item()

    torch.manual_seed(3)
    once = run_ranks(draw, 2)
    torch.manual_seed(3)

    assert len(set(once)) == 2
    assert run_ranks(draw, 2) == once


def test_what_a_rank_changes_stays_in_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KATA_RANK", raising=False)
    x = torch.zeros(2)

    def change(rank: int) -> None:
        x.fill_(rank + 1)
        os.environ["KATA_RANK"] = str(rank)
        torch.manual_seed(rank)

    state = torch.get_rng_state()
    run_ranks(change, 2)

    assert not x.any()
    assert "KATA_RANK" not in os.environ
    assert torch.equal(torch.get_rng_state(), state)


def test_an_error_in_one_rank_names_the_rank_and_the_line(fails):
    def inner(rank: int) -> None:
        if rank == 1:
            raise ValueError("chunks must be even\nand so on")

    def outer(rank: int) -> None:
        inner(rank)
        # the other waits for a rank that is gone
        dist.all_reduce(torch.ones(1))

    error = fails(outer, 2)

    assert error.rank == 1
    assert error.headline == "ValueError: chunks must be even"
    assert str(error) == "rank 1: ValueError: chunks must be even"
    assert [(file, name) for file, _, name in error.frames] == [
        (__file__, "outer"),
        (__file__, "inner"),
    ]


def test_the_lowest_of_several_ranks_that_raise_is_named(fails):
    def fail(rank: int) -> None:
        if rank:
            raise KeyError(rank)

    assert fails(fail, 4).rank == 1


def test_a_mismatch_in_a_rank_keeps_its_facts(fails):
    def compare(rank: int) -> None:
        assert_close(torch.full((2,), float(rank)), torch.zeros(2))

    error = fails(compare, 2)

    assert error.rank == 1
    assert error.headline == "result differs in 2 of 2 values"
    assert error.facts[0] == "first at [0]: expected 0, got 1"


def test_an_error_class_that_cannot_be_pickled_is_told_in_words(fails):
    class Mine(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__(f"{a} and {b}")

        def __reduce__(self) -> str:
            raise RuntimeError("no")

    def fail(rank: int) -> None:
        raise Mine(1, 2)

    assert fails(fail, 1).headline == "Mine: 1 and 2"


def test_an_error_whose_words_raise_is_told_by_its_name(fails):
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    def fail(rank: int) -> None:
        raise Mute

    assert fails(fail, 1).headline == "Mute"


def test_an_answer_that_cannot_be_pickled_is_an_error_of_that_rank(fails):
    error = fails(lambda rank: (lambda: rank) if rank else rank, 2)

    assert error.rank == 1
    assert "pickle" in error.headline


ENDS: dict[str, tuple[Callable[[], object], str]] = {
    "exit 0": (lambda: os._exit(0), "ended its process (exit code 0)"),
    "exit 3": (lambda: os._exit(3), "ended its process (exit code 3)"),
    "sys.exit": (lambda: sys.exit(0), "SystemExit: 0"),
    "SIGKILL": (lambda: os.kill(os.getpid(), signal.SIGKILL), "crashed (SIGKILL)"),
    "SIGTERM": (lambda: os.kill(os.getpid(), signal.SIGTERM), "crashed (SIGTERM)"),
}


@pytest.mark.parametrize(("end", "said"), ENDS.values(), ids=ENDS)
def test_a_rank_that_ends_without_an_answer_is_named_not_those_that_wait(fails, end, said: str):
    def one_ends(rank: int) -> None:
        if rank == 2:
            end()
        dist.all_reduce(torch.ones(1))

    error = fails(one_ends, 3)

    assert (error.rank, error.headline) == (2, said)


DEADLOCKS: dict[str, Callable[[int], object]] = {
    "both receive first": lambda rank: dist.recv(torch.empty(1), 1 - rank),
    "one leaves out a collective": lambda rank: rank or dist.all_reduce(torch.ones(1)),
    "a receive that nobody sends for": lambda rank: rank or dist.recv(torch.empty(1), 1),
    "a group that one does not join": lambda rank: rank or dist.barrier(dist.new_group([0, 1])),
}


@pytest.mark.parametrize("deadlock", DEADLOCKS.values(), ids=DEADLOCKS)
def test_a_deadlock_ends_in_words(fails, deadlock):
    error = fails(deadlock, 2)

    # the other has waited as long, and may be the first to give up
    assert error.headline.startswith(("waited ", "another rank ended while this one waited"))
    # gloo's own words hold paths of the machine that built it
    assert "/" not in error.headline


def test_an_endless_loop_is_blamed_not_the_rank_that_waits_for_it(fails):
    def loop(rank: int) -> None:
        if rank == 1:
            while True:
                pass
        dist.all_reduce(torch.ones(1))

    error = fails(loop, 2)

    assert error.rank == 1
    assert error.headline.startswith("still running after ")
    assert [name for *_, name in error.frames] == ["loop"]


def test_a_rank_that_hears_no_signal_is_ended_all_the_same(fails):
    def deaf(rank: int) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        if rank == 1:
            time.sleep(1000)

    error = fails(deaf, 2)

    assert (error.rank, error.headline) == (1, "did not answer in time")


def test_what_was_right_stays_right_after_a_deadlock(fails):
    fails(DEADLOCKS["both receive first"], 2)

    # now with the shorter wait
    for y in run_ranks(summed, 2, torch.ones(1)):
        assert_close(y, torch.tensor([3.0]))


def test_a_mismatch_is_an_assertion_like_any_other():
    assert issubclass(RankError, AssertionError)
    assert issubclass(Mismatch, AssertionError)


def test_ranks_end_with_the_process_that_started_them(tmp_path: Path):
    script = tmp_path / "sleeps.py"
    script.write_text(
        "import os, pathlib, time\n"
        "from grader.testing import run_ranks\n"
        "def sleep(rank):\n"
        f"    pathlib.Path({str(tmp_path)!r}, f'rank-{{rank}}').write_text(f'{{os.getpid()}} ')\n"
        "    time.sleep(1000)\n"
        "run_ranks(sleep, 2, timeout=1000)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    parent = subprocess.Popen([sys.executable, script], env=os.environ | {"PYTHONPATH": root})
    deadline = time.monotonic() + 60
    marks: list[Path] = []
    while len(marks) < 2 or not all(mark.read_text() for mark in marks):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        marks = sorted(tmp_path.glob("rank-*"))
    pids = [int(mark.read_text()) for mark in marks]

    parent.kill()
    parent.wait()

    while left := [pid for pid in pids if psutil.pid_exists(pid) and _runs(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
