"""From the thread of a check to the screen."""

from typing import TYPE_CHECKING

from grader.cli.checking import Checked, CheckEvents
from grader.judge.cancel import Cancellation
from grader.judge.protocol import TestResult

if TYPE_CHECKING:
    from grader.cli.watch.judging import JudgingApp


class Telling(CheckEvents):
    """Tells the screen, from a check's thread, of each claim and of the verdict."""

    def __init__(self, app: "JudgingApp", cancel: Cancellation) -> None:
        self._app, self._cancel = app, cancel

    def tested(self, test: TestResult) -> None:
        self._app.call_from_thread(self._app.count, self._cancel, test)

    def checked(self, checked: Checked) -> None:
        self._app.call_from_thread(self._app.show, self._cancel, checked)
