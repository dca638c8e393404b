"""One run of pytest over the hidden tests, each reported as it ends."""

import linecache
import os
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from grader.judge.child.attempt import Unfit, fit, load_module, wrap
from grader.judge.child.boundary import Boundary
from grader.judge.child.explain import Explainer
from grader.judge.child.fixtures import Fixtures
from grader.judge.child.guard import SealedGuard
from grader.judge.child.plain_pytest import run_pytest
from grader.judge.child.printing import Printing
from grader.judge.child.report import Reporter
from grader.judge.child.restore import Namespaces, Untouched
from grader.judge.child.runner import Ending, Program, Runner
from grader.judge.child.surroundings import Modes, Surroundings
from grader.judge.child.suspicion import could_replace
from grader.judge.child.witness import Witness
from grader.judge.protocol import Failure, Task


def run_session(task: Task, reports: int) -> None:
    """Run the hidden tests on the attempt; all that is to be known goes to the pipe."""
    reporter = Reporter(reports, task.key)
    fixtures = Fixtures(task)
    session = Session(task, reporter, fixtures)
    stopped = run_pytest(task.tests, session, fixtures)
    if not session.collected:
        words = "the hidden tests or the solution do not load"
        facts = [*session.collect_errors, *filter(None, [stopped])]
        reporter.broken(Failure(words, tuple(facts)))
        reporter.ended(0.0, undecided=False)


class Session:
    """A pytest plugin: the order of events in one check."""

    def __init__(self, task: Task, reporter: Reporter, fixtures: Fixtures) -> None:
        self._task, self._reporter, self._fixtures = task, reporter, fixtures
        self._explainer = Explainer(task.attempt, task.source)
        self._printing = Printing(task.mark)
        self.collected = False
        self.collect_errors: list[str] = []

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
        self._runner = Runner(
            self._task.tests, self._fixtures, self._explainer, self._surroundings, self._namespaces
        )
        session.config.pluginmanager.register(self._runner)
        solution = Path(self._task.solution).read_text(encoding="utf-8")
        self._guard = SealedGuard(
            self._task, lambda failure: self._reporter.problem("failed", failure)
        )
        self._judge(session.items, solution)
        # pytest has its own end yet to come
        self._namespaces.restore_all()
        self._surroundings.restore(self._task.seed)
        return True

    def _judge(self, items: list[pytest.Item], solution: str) -> None:
        began = _cpu()
        endings: dict[pytest.Item, Ending] = {}
        if self._load():
            for number, item in enumerate(items):
                endings[item] = self._run(number, item)
                if self._task.brief and _decided(endings.values()):
                    break
        used = _cpu() - began
        self._printing.flush()
        if self._guard.refused:
            # the attempt may have silenced the reporter when it was told
            self._reporter.problem("failed", self._guard.refused)
        failed = any(ending.outcome == "failed" for ending in endings.values())
        undecided = failed and bool(self._task.mistakes) and not self._guard.refused
        self._reporter.ended(used, undecided=undecided)
        if undecided:
            from grader.judge.child.diagnosis import diagnose

            # the attempt is run again, and has printed all that it had to say
            self._printing.silence()
            found = diagnose(self._task, solution, self._runner, self._attempt, endings)
            self._reporter.diagnosis(found)

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
            view = wrap(module, stub, self._boundary)
            self._attempt = Program(module, view, self._boundary)
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

    def _run(self, number: int, item: pytest.Item) -> Ending:
        def begin() -> None:
            self._printing.new_test(number)
            self._reporter.started(item.name)

        # a witness makes a fast test wait, a second run for a diagnosis a slow one
        at_once = self._task.requires or self._task.patient
        witness = Witness() if self._task.mistakes and at_once else None
        ending = self._runner.run(item, self._attempt, begin=begin, witness=witness)
        self._printing.flush()
        self._reporter.finished(item.name, ending.outcome, ending.seconds, ending.failure)
        return ending


def _decided(endings: Collection[Ending]) -> bool:
    """Whether it is known that an attempt fails, and whether by a claim or by errors alone."""
    failures = [ending.failure for ending in endings if ending.outcome == "failed"]
    if any(ending.outcome == "passed" for ending in endings):
        return bool(failures)
    return not all(failure and failure.raised for failure in failures)


def _cpu() -> float:
    """Processor time of this process and of the ranks that it has waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
