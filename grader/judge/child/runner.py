"""Runs one hidden test on one program, and says how it ended."""

import sys
import time
import traceback
import types
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import torch

from grader.judge.child.boundary import Boundary, Ended
from grader.judge.child.explain import Explainer
from grader.judge.child.fixtures import Fixtures
from grader.judge.child.restore import Namespaces, Untouched
from grader.judge.child.surroundings import Surroundings
from grader.judge.child.witness import Witness
from grader.judge.protocol import Failure
from grader.testing.observe import observing


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """How a test ended.

    Attributes:
        outcome: passed, failed, unimplemented or skipped.
        witness: What was told of what the program computed in it, if there was one.
    """

    outcome: str
    seconds: float
    failure: Failure | None
    witness: Witness | None


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What the tests are run on.

    Attributes:
        module: As it is.
        view: As the tests see it, behind the boundary.
    """

    module: types.ModuleType
    view: types.ModuleType
    boundary: Boundary


class Runner:
    """A pytest plugin: what pytest tells of the test that runs.

    Args:
        tests: The path of the hidden tests.
        restore: Puts back what the attempt replaced.
    """

    def __init__(
        self,
        tests: str,
        fixtures: Fixtures,
        explainer: Explainer,
        surroundings: Surroundings,
        restore: Namespaces | Untouched,
    ) -> None:
        self._tests, self._fixtures, self._explainer = tests, fixtures, explainer
        self._surroundings, self._namespaces = surroundings, restore
        self._boundary: Boundary | None = None
        self._failure: Failure | None = None
        self._outcome: str | None = None

    def run(
        self,
        item: pytest.Item,
        program: Program,
        *,
        begin: Callable[[], None] | None = None,
        witness: Witness | None = None,
    ) -> Ending:
        """Run a test, which may have run before.

        Args:
            begin: Called when all is as it should be, before the test.
            witness: Told what the program computes in it.
        """
        self._surroundings.restore(self._fixtures.seed_of(item.name))
        self._fixtures.loaded["attempt"] = program.view
        # dataclasses and pickle look their module up here
        sys.modules["attempt"] = program.module
        self._boundary = boundary = program.boundary
        boundary.new_test(witness)
        self._explainer.new_test()
        self._outcome = self._failure = None
        if isinstance(item, pytest.Function) and item.funcargs:
            # what a former run was given
            item._initrequest()
        if begin:
            begin()
        began = time.perf_counter()
        try:
            # pytest keeps a fixture until it knows which test comes next; each test is alone here
            # an attempt may have entered inference mode and stayed there
            watched = observing(witness) if witness else nullcontext()
            with torch.inference_mode(False), watched:
                item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        except BaseException as error:
            # an interrupt or pytest.exit, from a thread or a hook of the attempt's
            self._fail(error)
            item.session._setupstate.teardown_exact(None)
        seconds = time.perf_counter() - began
        self._namespaces.restore_all()
        if boundary.violation is not None and self._outcome != "failed":
            # the attempt caught what was raised at it
            self._fail(boundary.violation)
        if self._outcome is None:
            self._outcome = "failed"
            self._failure = Failure("the test was not run to its end")
        elif self._failure and self._failure.unimplemented:
            self._outcome = "unimplemented"
        return Ending(self._outcome, seconds, self._failure, witness)

    def _fail(self, error: BaseException) -> None:
        # what the attempt replaced must not take part in explaining
        self._namespaces.restore()
        self._outcome = "failed"
        assert self._boundary
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
            if _raised_in(error, self._tests):
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
