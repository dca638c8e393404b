"""A benchmark: the attempt beside the solution; each size is reported as a test."""

import linecache
import sys
import time
import types

import torch

from grader.judge.child.attempt import fit, load_module
from grader.judge.child.explain import Explainer
from grader.judge.child.guard import SealedGuard
from grader.judge.child.measuring import TooLong, measure
from grader.judge.child.printing import Printing
from grader.judge.child.report import Reporter
from grader.judge.child.start import on_gpu
from grader.judge.child.surroundings import Surroundings
from grader.judge.measured import Measured
from grader.judge.protocol import Failure, Task


def run_bench(task: Task, reports: int) -> None:
    """Measure at each size, up to the first at which the attempt fails."""
    reporter = Reporter(reports, task.key)
    bench = Bench(task, reporter)
    try:
        bench.load()
    except BaseException as error:
        words = f"{task.tests}: its bench does not load: {type(error).__name__}: {error}"
        reporter.broken(Failure(words))
    else:
        bench.run()
    reporter.ended(0.0, undecided=False)


class Bench:
    """What the hidden tests' `bench` measures."""

    def __init__(self, task: Task, reporter: Reporter) -> None:
        self._task, self._reporter = task, reporter
        self._explainer = Explainer(task.attempt, task.source)
        self._printing = Printing(task.mark)
        self._device = torch.device("cuda" if on_gpu(task) else "cpu")

    def load(self) -> None:
        """The grader's own files, before the attempt exists."""
        task = self._task
        self._bench = load_module("hidden", task.tests).bench
        self._reference = load_module("reference", task.solution)
        del sys.modules["hidden"], sys.modules["reference"]
        # as in a check, what looks at the stack finds no source
        hidden = [task.tests] if "triton" in task.requires else [task.tests, task.solution]
        linecache.cache.update((path, (0, None, [], path)) for path in hidden)
        torch.empty(0, device=self._device)

    def run(self) -> None:
        task = self._task
        self._reporter.collected([str(size) for size in task.sizes], str(self._device))
        self._surroundings = Surroundings()
        guard = SealedGuard(task, lambda failure: self._reporter.problem("failed", failure))
        guard.arm()
        try:
            attempt = load_module("attempt", task.attempt, task.source)
            with open(task.stub, encoding="utf-8") as stub:
                fit(attempt, stub.read())
        except BaseException as error:
            self._reporter.problem("error", self._explainer.failure(error))
            return
        left_out: str | None = None
        for number, size in enumerate(task.sizes):
            name = str(size)
            self._printing.new_test(number)
            self._reporter.started(name)
            began = time.perf_counter()
            try:
                if left_out is None:
                    self._reporter.measured(name, self._measure(attempt, size))
                    continue
            except TooLong as error:
                left_out = str(error)
            except BaseException as error:
                failure = self._explainer.failure(error)
                self._printing.flush()
                self._reporter.problem("failed", failure)
                self._reporter.finished(name, "failed", time.perf_counter() - began, failure)
                return
            words = f"size {size:,} is left out: {left_out}"
            self._reporter.finished(name, "skipped", 0.0, Failure(words))

    def _measure(self, attempt: types.ModuleType, size: int) -> Measured:
        calls = []
        for module in (attempt, self._reference):
            # the same inputs, each its own
            self._surroundings.restore(self._task.seed)
            calls.append(self._bench(module, size, self._device))
        try:
            return measure(size, *calls, seconds=self._task.seconds, device=self._device)
        finally:
            self._printing.flush()
