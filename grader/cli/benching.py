"""Bench: an attempt that passes beside the solution, at growing sizes. Data in, data out."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from grader.cli.checking import Checked
from grader.cli.desk import Desk
from grader.content.benchmark import Benchmark, read_benchmark
from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.judge import runtime
from grader.judge.events import Events
from grader.judge.judging import measure_task
from grader.judge.measured import Measured
from grader.judge.protocol import Limits, Result, Task
from grader.judge.tasks import new_task

# seconds of taking time at each size
SECONDS = 1.0
LIMITS = Limits(test=60.0, total=600.0)
MOST_SIZES = 12
# what differs by less than this is the same
NEAR = 0.05
# what differs by more than this is worth a word
FAR, MANY, STEEPER = 1.1, 3, 0.4


@dataclass(frozen=True, slots=True)
class Benched:
    """Attributes:
    result: Its tests are the sizes, up to one at which the attempt may have failed.
    """

    kata: Kata
    benchmark: Benchmark
    result: Result

    @property
    def sizes(self) -> list[Measured]:
        return [test.measured for test in self.result.tests if test.measured]

    @property
    def left_out(self) -> list[str]:
        """Why some sizes were not tried."""
        tests = [test for test in self.result.tests if test.outcome == "skipped"]
        return [test.failure.headline for test in tests if test.failure]

    def to_data(self) -> dict[str, Any]:
        """The object that --json prints."""
        result = self.result
        return {
            "kata": self.kata.id,
            "verdict": result.verdict,
            "message": result.message,
            "device": result.device,
            "seed": result.seed,
            "size": self.benchmark.meaning,
            "sizes": [asdict(one) | {"time": compare(one)} for one in self.sizes],
            "left_out": self.left_out,
        }


def benchmark_of(kata: Kata, device: str) -> Benchmark:
    """What the kata's bench says of itself.

    Raises:
        KataError: It has none, or none for this machine; says why.
    """
    try:
        found = read_benchmark(kata.tests)
    except (ValueError, SyntaxError) as error:
        raise KataError(f"{kata.tests}: {error}", code=3) from None
    if found is None:
        raise KataError(f"{kata.base} has no benchmark yet; kata check {kata.slug} judges it")
    if isinstance(found, str):
        raise KataError(f"{kata.base} is not measured: {found}")
    if "triton" in load_card(kata).requires and (device == "cpu" or not runtime.has_gpu()):
        raise KataError(
            f"{kata.base} is measured on a GPU only: how fast Triton's interpreter is on a CPU "
            "says nothing of the kernel"
        )
    return found


def parse_sizes(text: str) -> tuple[int, ...]:
    """Sizes as they are typed: 128,512."""
    try:
        sizes = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        sizes = ()
    if not sizes or sizes[0] < 1 or len(sizes) > MOST_SIZES:
        raise KataError(
            f"--sizes {text!r}: give up to {MOST_SIZES} numbers from 1, such as --sizes 128,512"
        )
    return sizes


def bench(
    desk: Desk,
    checked: Checked,
    benchmark: Benchmark,
    *,
    sizes: tuple[int, ...] | None = None,
    device: str = "auto",
    timeout: float | None = None,
    events: Events | None = None,
) -> Benched:
    """Measure an attempt that has passed.

    Args:
        timeout: Seconds for one size.
        events: Told of each size as a test.
    """
    kata, seed = checked.kata, checked.result.seed
    attempt, progress = checked.attempt, desk.practice.state
    task = new_task(
        kata, attempt.source, attempt.path, seed=seed, progress=progress, device=device,
        limits=replace(LIMITS, test=timeout) if timeout else LIMITS,
    )  # fmt: skip
    if isinstance(task, Task):
        task = replace(task, sizes=sizes or benchmark.sizes, seconds=SECONDS)
        return Benched(kata, benchmark, measure_task(task, events))
    return Benched(kata, benchmark, task)


def compare(one: Measured) -> str:
    """Whether it is slower, faster, or the same where the rounds do not tell them apart."""
    ratio, certain = one.ratio, one.certain
    if not (ratio and certain) or certain[0] <= 1 <= certain[1] or near(ratio.middle):
        return "same"
    return "slower" if ratio.middle > 1 else "faster"


def near(ratio: float) -> bool:
    return abs(math.log(ratio)) < NEAR


def advice(sizes: list[Measured]) -> list[str]:
    """What to look at, from what differs; the clearest first."""
    last, found = sizes[-1], []
    mine, theirs = last.attempt, last.reference
    slower = compare(last) == "slower"
    if slower and mine.operators >= MANY * max(theirs.operators, 1):
        found.append(
            f"{mine.operators:,} operators are called where the reference calls "
            f"{theirs.operators:,}: is there a loop in Python over what torch does at once?"
        )
    if mine.flops > FAR * theirs.flops > 0:
        found.append(
            f"{mine.flops / theirs.flops:.1f} times the arithmetic: which product is made twice, "
            "or for what a mask then hides?"
        )
    if mine.bytes > FAR * theirs.bytes > 0:
        found.append(
            f"{mine.bytes / theirs.bytes:.1f} times the memory: what is copied or expanded that "
            "a view or broadcasting would spare?"
        )
    powers = growth(sizes)
    if slower and powers and powers[0] - powers[1] > STEEPER:
        found.append(
            f"At the end your time grows with size^{powers[0]:.1f}, the reference's with "
            f"size^{powers[1]:.1f}: what is done for each pair, or anew at each step?"
        )
    if compare(last) == "same" and last.ratio and not near(last.ratio.middle):
        found.append("The rounds differ too much to say more: try when the machine is idle.")
    if slower and not found:
        found.append(
            "As much arithmetic and memory: look at copies, the layout of what is multiplied, "
            "and dtypes."
        )
    return found


def growth(sizes: list[Measured]) -> tuple[float, float] | None:
    """With which power of the size the time of each grows at the end; attempt, reference."""
    if len(sizes) < 2:
        return None
    before, last = sizes[-2:]
    step = math.log(last.size / before.size)
    powers = []
    for earlier, later in ((before.attempt, last.attempt), (before.reference, last.reference)):
        if earlier.seconds is None or later.seconds is None:
            return None
        powers.append(math.log(later.seconds.middle / earlier.seconds.middle) / step)
    return powers[0], powers[1]
