"""The watch screen: any kata, with a key for each command."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.console import Group
from textual.binding import BindingType

from grader.cli import actions
from grader.cli.render import spec as spec_view
from grader.cli.watch.judging import JudgingApp
from grader.cli.watch.screens import Katas, Question, Reading


class WatchApp(JudgingApp):
    """Judges the attempt whenever its file changes, and moves between katas."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("o", "solution", "Solution"),
        ("r", "reset", "Reset"),
        ("n", "next", "Next"),
        ("l", "katas", "Katas"),
        ("q", "quit", "Quit"),
    ]

    def action_solution(self) -> None:
        if not actions.gives_up(self.desk, self.kata):
            self._reveal()
            return
        words = f"{self.kata.slug} is not solved. Give it up and see the solution?"
        self.push_screen(Question(words), self._if_yes(self._reveal))

    def _reveal(self) -> None:
        solution = actions.solution(self.desk, self.kata)
        self.set_clock(self.seconds, ticking=False)
        self.push_screen(Reading(Group(*spec_view.solution(solution))))

    def action_reset(self) -> None:
        words = f"Start {self.kata.slug} over? Your file is kept in the history."
        self.push_screen(Question(words), self._if_yes(self._start_over))

    def _start_over(self) -> None:
        actions.reset(self.desk, self.kata)
        self.begin(self.kata)

    def action_next(self) -> None:
        following = actions.next_kata(self.desk, self.desk.state(), self.kata)
        if following is None:
            self.notify("Every kata is solved.")
        else:
            self.begin(following)

    def action_katas(self) -> None:
        def chosen(kata: str | None) -> None:
            if kata is not None and kata != self.kata.id:
                self.begin(self.desk.catalog.find(kata))

        self.push_screen(Katas(self.desk, self.kata.id), chosen)

    def _if_yes(self, action: Callable[[], None]) -> Callable[[bool | None], None]:
        return partial(_when, action)


def _when(action: Callable[[], None], yes: bool | None) -> None:
    if yes:
        action()
