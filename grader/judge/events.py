"""What a check tells of while it goes on."""

from grader.judge.protocol import Result, TestResult


class Events:
    """Told of a check's steps as they come; whoever wants to know overrides some of these."""

    def begun(self) -> None:
        """The task is with a child: there is time for other work."""

    def tested(self, test: TestResult) -> None:
        """A claim is judged."""

    def judged(self, result: Result) -> None:
        """The verdict stands. What may follow is which mistake it is."""
