"""One run of pytest over the hidden tests, each reported as it ends."""

import linecache
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Literal

import pytest
import torch

from grader.judge.child.attempt import Unfit, fit, load_module, wrap
from grader.judge.child.boundary import Boundary, Ended
from grader.judge.child.explain import Explainer
from grader.judge.child.fixtures import Fixtures
from grader.judge.child.guard import SealedGuard
from grader.judge.child.plain_pytest import run_pytest
from grader.judge.child.printing import Printing
from grader.judge.child.report import Reporter
from grader.judge.child.restore import Namespaces, Untouched
from grader.judge.child.surroundings import Modes, Surroundings
from grader.judge.child.suspicion import could_replace
from grader.judge.protocol import Failure, Task


def run_session(task: Task, reports: int) -> None:
    """Run the hidden tests on the attempt; all that is to be known goes to the pipe."""
    reporter = Reporter(reports, task.key)
    fixtures = Fixtures(task)
    session = Session(task, reporter, fixtures)
    code = run_pytest(task.tests, session, fixtures)
    if not session.collected:
        words = f"the hidden tests or the solution do not load (pytest's exit code {code})"
        reporter.broken(Failure(words, tuple(session.collect_errors)))
    session.flush()
    reporter.ended(session.cpu)


class Session:
    """A pytest plugin: the order of events in one check."""

    def __init__(self, task: Task, reporter: Reporter, fixtures: Fixtures) -> None:
        self._task, self._reporter, self._fixtures = task, reporter, fixtures
        self._explainer = Explainer(task.attempt, task.source)
        self._printing = Printing(task.mark)
        self._failure: Failure | None = None
        self._outcome: str | None = None
        self.collected = False
        self.cpu = 0.0
        self.collect_errors: list[str] = []

    def flush(self) -> None:
        self._printing.flush()

    # collection, before the attempt exists

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.collect_errors += str(report.longrepr).splitlines()[-8:]

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.items or self.collect_errors:
            return True
        try:
            reference = load_module("reference", self._task.solution)
        except BaseException as error:
            self.collect_errors = [f"{self._task.solution}: {type(error).__name__}: {error}"]
            return True
        self.collected = True
        del sys.modules["reference"]
        self._fixtures.loaded["reference"] = reference
        self._hide_sources()
        tests = {item.module for item in session.items if isinstance(item, pytest.Function)}
        self._reporter.collected([item.name for item in session.items], self._place())
        self._surroundings = Surroundings()
        watched = could_replace(self._task.source)
        self._namespaces = Namespaces([*tests, reference]) if watched else Untouched()
        self._boundary = Boundary(self._task.forbids, self._task.mutates, self._namespaces.restore)
        self._guard = SealedGuard(
            self._task, lambda failure: self._reporter.problem("failed", failure)
        )
        began = _cpu()
        if self._load():
            for number, item in enumerate(session.items):
                self._run(number, item)
        self.cpu = _cpu() - began
        # pytest has its own end yet to come
        self._namespaces.restore_all()
        self._surroundings.restore(self._task.seed)
        if self._guard.refused:
            # the attempt may have silenced the reporter when it was told
            self._reporter.problem("failed", self._guard.refused)
        return True

    def _hide_sources(self) -> None:
        """A look at the stack, such as traceback.print_stack(), reads the source of each frame.

        It finds nothing for the hidden files, and is no trespass.
        """
        hidden = [self._task.tests]
        # the interpreter rewrites kernels when they are first called
        if "triton" not in self._task.requires:
            hidden.append(self._task.solution)
        linecache.cache.update((path, (0, None, [], path)) for path in hidden)

    def _place(self) -> str:
        kind = self._fixtures.device_type
        interpreted = "triton" in self._task.requires and kind == "cpu"
        return "cpu, interpreted" if interpreted else kind

    def _load(self) -> bool:
        """Import the attempt; whether there is something to judge."""
        stub = Path(self._task.stub).read_text(encoding="utf-8")
        self._guard.arm()
        modes = Modes()
        try:
            module = load_module("attempt", self._task.attempt, self._task.source)
            self._namespaces.restore_all()
            fit(module, stub)
            self._fixtures.loaded["attempt"] = wrap(module, stub, self._boundary)
            return True
        except (SystemExit, KeyboardInterrupt) as error:
            self._namespaces.restore_all()
            words = f"your code ended the program on import: {type(error).__name__}"
            failure = self._explainer.failure(error)
            self._reporter.problem("failed", Failure(words, trace=failure.trace))
        except Unfit as error:
            self._reporter.problem("error", self._explainer.failure(error))
        except BaseException as error:
            self._namespaces.restore_all()
            failure = self._explainer.failure(error)
            facts = ("your file does not import", *failure.facts)
            self._reporter.problem(
                "unimplemented" if failure.unimplemented else "error",
                Failure(failure.headline, facts, trace=failure.trace),
            )
        finally:
            self._namespaces.restore_all()
            modes.restore()
        return False

    # one test

    def _run(self, number: int, item: pytest.Item) -> None:
        self._surroundings.restore(self._fixtures.seed_of(item.name))
        self._boundary.new_test()
        self._explainer.new_test()
        self._printing.new_test(number)
        self._outcome = self._failure = None
        self._reporter.started(item.name)
        began = time.perf_counter()
        try:
            # pytest keeps a fixture until it knows which test comes next; each test is alone here
            # an attempt may have entered inference mode and stayed there
            with torch.inference_mode(False):
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        except BaseException as error:
            # an interrupt or pytest.exit, from a thread or a hook of the attempt's
            self._fail(error)
            item.session._setupstate.teardown_exact(None)
        seconds = time.perf_counter() - began
        self._namespaces.restore_all()
        self._printing.flush()
        if self._boundary.violation is not None and self._outcome != "failed":
            # the attempt caught what was raised at it
            self._fail(self._boundary.violation)
        if self._outcome is None:
            self._outcome = "failed"
            self._failure = Failure("the test was not run to its end")
        elif self._failure and self._failure.unimplemented:
            self._outcome = "unimplemented"
        self._reporter.finished(item.name, self._outcome, seconds, self._failure)

    def _fail(self, error: BaseException) -> None:
        # what the attempt replaced must not take part in explaining
        self._namespaces.restore()
        self._outcome = "failed"
        try:
            self._failure = self._explainer.failure(error, self._boundary.inputs)
        except BaseException as ours:
            words = f"{type(error).__name__}; explaining it raised {type(ours).__name__}"
            self._failure = Failure(words)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Run the test's function, and see to its outcome here.

        From here to a report pytest has a long way, every step of which an attempt
        could replace.
        """
        values = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        try:
            pyfuncitem.obj(**values)
        except pytest.skip.Exception as error:
            if _raised_in(error, self._task.tests):
                self._outcome, self._failure = "skipped", Failure(str(error.msg))
            else:
                self._fail(Ended(f"your code ended the test: {type(error).__name__}"))
        except BaseException as error:
            self._fail(error)
        else:
            self._outcome = "passed"
        # what comes now is pytest's
        self._namespaces.restore_all()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        """pytest's own report would read the test's source, which nobody may see."""
        error = call.excinfo.value if call.excinfo else None
        outcome: Literal["passed", "failed", "skipped"] = "passed"
        if isinstance(error, pytest.skip.Exception) and call.when == "setup":
            # a mark or a fixture says so: the attempt has not been called yet
            outcome = self._outcome = "skipped"
            self._failure = Failure(str(error.msg))
        elif error is not None:
            outcome = "failed"
            self._fail(error)
        assert call.when != "collect"
        return pytest.TestReport(
            item.nodeid, item.location, {}, outcome, None, call.when, duration=call.duration
        )

    @pytest.hookimpl
    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        self._explainer.compared(op, left, right)


def _raised_in(error: BaseException, path: str) -> bool:
    """Whether an outcome such as pytest.skip's was raised by a file's own code."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [file for file in files if "_pytest" not in Path(file).parts][-1:] == [path]


def _cpu() -> float:
    """Processor time of this process and of the ranks that it has waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
