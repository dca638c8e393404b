"""What a call costs: time beside another call's, memory, arithmetic, operators."""

import math
import statistics
import time
import timeit
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing import reductions
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from grader.judge.measured import Cost, Measured, Spread
from grader.testing.modes import DispatchMode

Call = Callable[[], object]
# an address is not used again while there is such a reference
weakly: Any = reductions.StorageWeakRef
# seconds of calls that are timed as one: long beside the clock, short beside what disturbs
BLOCK = 0.01
# with fewer, two programs that are the same would often look different
FEWEST, MOST = 8, 40
CHANCE = 0.01
# seconds of one call, of which there are twenty and more
LONGEST = 1.0


class TooLong(Exception):
    """A call takes longer than anybody waits for twenty of them."""


def measure(
    size: int, attempt: Call, reference: Call, *, seconds: float, device: torch.device
) -> Measured:
    """Both calls side by side.

    Args:
        seconds: How long to take time; 0 takes none.

    Raises:
        TooLong: The attempt's calls take longer than this is meant for.
    """
    # the first call may be slow for what it loads
    if seconds and _seconds(attempt) > LONGEST and (taken := _seconds(attempt)) > LONGEST:
        raise TooLong(f"a call took {taken:.1f} s at {size:,}")
    costs = [_cost(call, device) for call in (attempt, reference)]
    rounds = _race(attempt, reference, seconds, device) if seconds else []
    times = [_spread([pair[who] for pair in rounds]) for who in (0, 1)]
    mine, theirs = (Cost(spread, *cost) for spread, cost in zip(times, costs, strict=True))
    ratios = sorted(mine / theirs for mine, theirs in rounds)
    return Measured(size, mine, theirs, _spread(ratios), _certain(ratios), len(rounds))


def _seconds(call: Call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _race(
    attempt: Call, reference: Call, seconds: float, device: torch.device
) -> list[tuple[float, float]]:
    """Seconds of a call of each, round by round: what slows the machine down slows both.

    A round times a block of calls of each, and the next one begins with the other.
    """
    rounds: list[tuple[float, float]] = []
    deadline = time.perf_counter() + seconds
    while len(rounds) < FEWEST or (len(rounds) < MOST and time.perf_counter() < deadline):
        turn = len(rounds) % 2
        taken = [0.0, 0.0]
        for who in (turn, 1 - turn):
            # warms up, and finds out how many calls make a block
            timer = Timer(
                "call()",
                globals={"call": (attempt, reference)[who]},
                timer=_cuda_clock() if device.type == "cuda" else timeit.default_timer,
                num_threads=1,
            )
            taken[who] = timer.blocked_autorange(min_run_time=BLOCK).median
        rounds.append((taken[0], taken[1]))
    return rounds


def _cuda_clock() -> Callable[[], float]:
    """The GPU's own time, by events; begun anew for each block, for it is a float32."""
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()

    def now() -> float:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        event.synchronize()
        return float(start.elapsed_time(event)) / 1000

    return now


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    return Spread(*statistics.quantiles(values, n=4, method="inclusive"))


def _certain(values: Sequence[float]) -> tuple[float, float] | None:
    """Bounds of the median, by order: each value is as likely above it as below."""
    if not values:
        return None
    count, outside, below = len(values), 0, 1.0
    while 2 * (below := below + math.comb(count, outside + 1)) <= CHANCE * 2.0**count:
        outside += 1
    return values[outside], values[count - 1 - outside]


def _cost(call: Call, device: torch.device) -> tuple[int, int, int]:
    """Peak bytes, FLOPs and operators of one call."""
    with FlopCounterMode(display=False) as flops, _Live() as live:
        call()
    peak = live.peak
    if device.type == "cuda":
        peak = _cuda_peak(call)
    elif not live.operators:
        peak = _python_peak(call)
    return peak, int(flops.get_total_flops()), live.operators


def _cuda_peak(call: Call) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated()) - before


def _python_peak(call: Call) -> int:
    """Of Python's own objects, where a call makes no tensors."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class _Live(DispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storages that operators make, by weak references.

    Attributes:
        peak: The most bytes that lived at once.
        operators: How many were called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = self.operators = 0
        self._made: dict[int, tuple[Any, int]] = {}
        self._given: dict[int, Any] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        self.operators += 1
        # what torch.tensor makes comes as an argument, too, but is new
        if func is not torch.ops.aten.lift_fresh.default:
            for tensor in _strided((args, kwargs)):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._made:
                    self._given.setdefault(storage._cdata, weakly(storage))
        result = func(*args, **(kwargs or {}))
        # what has gone since the last operator
        self._made = {key: item for key, item in self._made.items() if not item[0].expired()}
        for tensor in _strided(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._given:
                self._made[storage._cdata] = weakly(storage), storage.nbytes()
        self.peak = max(self.peak, sum(size for _, size in self._made.values()))
        return result


def _strided(values: Any) -> list[Tensor]:
    leaves = tree_leaves(values)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.layout == torch.strided]
