"""The interview: one kata at a time, follow-up questions after a pass, two clocks."""

import time
from functools import partial
from typing import ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from grader.cli import actions, interviewing
from grader.cli.checking import Checked
from grader.cli.desk import Desk
from grader.cli.render import interview as view
from grader.cli.watch.judging import JudgingApp
from grader.cli.watch.screens import Question
from grader.content.card import FollowUp, load_card
from grader.content.catalog import Kata
from grader.progress.interviews import SEEN, Asked, Interview


class InterviewApp(JudgingApp):
    """Goes through an interview until it is left or over."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter", "go_on", "Go on"),
        ("n", "move_on", "Move on"),
        ("e", "end", "End"),
        ("q", "quit", "Leave"),
    ]

    def __init__(self, desk: Desk, interview: Interview) -> None:
        self._interview = interview
        # of a kata, for the head of the first moment
        at_hand = interview.at_hand
        first = at_hand and desk.catalog.find(at_hand.kata)
        super().__init__(desk, first or next(iter(desk.catalog)))
        self._choice: interviewing.Choice | None = None
        self._begun = time.monotonic() - interview.seconds
        self._seen = time.monotonic()
        self._warned = interview.left <= 0

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    # what watch does otherwise

    def open(self) -> None:
        asked = self._interview.at_hand
        if asked and not asked.over:
            self.begin(self.desk.catalog.find(asked.kata))
        else:
            self._go_on()

    def start(self, kata: Kata) -> actions.Started:
        asked = self._interview.at_hand
        if self._choice is None or (asked and asked.kata == kata.id):
            return actions.start(self.desk, kata)
        started = interviewing.ask(self.desk, self._choice)
        self._read()
        return started

    def head(self) -> Text:
        own = view.status(self._interview, self._seconds)
        if not self._interview.asked:
            return own
        return Text.assemble(own, (self.kata.slug, "name"), " ", self.standing())

    def rest(self, checked: Checked) -> RenderableType:
        return view.below(checked)

    def shown(self, checked: Checked) -> None:
        self._read()

    def tick(self) -> None:
        super().tick()
        if time.monotonic() - self._seen >= SEEN:
            self._seen = time.monotonic()
            interviewing.seen(self.desk)
        if self._seconds > self._interview.minutes * 60 and not self._warned:
            self._warned = True
            words = "Time is up. End the interview and see the report?"
            self.push_screen(Question(words), self._end_if)

    def leave(self) -> None:
        super().leave()
        if interviewing.present(self.desk):
            interviewing.leave(self.desk)

    # going on

    def _read(self) -> None:
        """Learn what has happened, from the facts."""
        self._interview = interviewing.present(self.desk) or self._interview

    def action_go_on(self) -> None:
        asked = self._interview.at_hand
        if asked and not asked.over:
            self.notify("n moves on without a pass, h gives a hint.")
        else:
            self._go_on()

    def _go_on(self) -> None:
        """The next follow-up question, the next kata, or the end."""
        self._read()
        asked = self._interview.at_hand
        question = asked and interviewing.next_question(self.desk, asked)
        if asked and question:
            of = len(load_card(self.desk.catalog.find(asked.kata)).follow_ups)
            self.push_screen(FollowUpScreen(asked, of, question), partial(self._rated, asked))
            return
        choice = interviewing.choose(self.desk, self._interview, self.desk.state())
        if choice is None:
            self._end_if(True)
            return
        self._choice = choice
        words = view.announcement(choice, self._interview)
        self.push_screen(Announcement(words), self._announced)

    def _rated(self, asked: Asked, rating: str | None) -> None:
        if rating is None:
            interviewing.move_on(self.desk)
        else:
            interviewing.rate(self.desk, asked, rating)
        self._go_on()

    def _announced(self, begins: bool | None) -> None:
        if begins and self._choice:
            self.begin(self._choice.kata)
        else:
            self.run_worker(self.action_quit())

    def action_move_on(self) -> None:
        words = f"Move on without solving {self.kata.slug}?"
        asked = self._interview.at_hand
        if asked and asked.over:
            self._go_on()
        else:
            self.push_screen(Question(words), self._moved_on)

    def _moved_on(self, yes: bool | None) -> None:
        if yes:
            actions.pause(self.desk, self.kata)
            interviewing.move_on(self.desk)
            self._go_on()

    def action_end(self) -> None:
        self.push_screen(Question("End the interview and see the report?"), self._end_if)

    def _end_if(self, yes: bool | None) -> None:
        if yes:
            interviewing.end(self.desk)
            self.leave()
            self.exit()


class Announcement(ModalScreen[bool]):
    """What is asked next; its clock starts with enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter", "dismiss(True)", "Begin"),
        ("q", "dismiss(False)", "Leave"),
    ]

    def __init__(self, words: RenderableType) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        with Vertical(classes="question"):
            yield Static(self._words)
        yield Footer()


class FollowUpScreen(ModalScreen[str | None]):
    """A question; then its answer, and how well the person knew it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("space", "answer", "Show the answer"),
        ("1", "rate('knew')", "Knew it"),
        ("2", "rate('partly')", "Partly"),
        ("3", "rate('missed')", "Missed"),
        ("escape", "dismiss(None)", "No more questions"),
    ]

    def __init__(self, asked: Asked, of: int, question: FollowUp) -> None:
        super().__init__()
        self._asked, self._of, self._question = asked, of, question
        self._answered = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="question"):
            yield Static(id="follow-up")
        yield Footer()

    def on_mount(self) -> None:
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nobody rates what they have not seen."""
        return {"answer": not self._answered, "rate": self._answered}.get(action, True)

    def action_answer(self) -> None:
        self._answered = True
        self._draw()
        self.refresh_bindings()

    def action_rate(self, rating: str) -> None:
        self.dismiss(rating)

    def _draw(self) -> None:
        words = view.question(self._asked, self._of, self._question, answered=self._answered)
        self.query_one("#follow-up", Static).update(words)
