"""A screen that judges a kata's file whenever it is saved: claims, failures, the clock."""

import os
import sys
import time
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static
from watchfiles import Change, awatch

from grader.cli import actions
from grader.cli.checking import Checked, check
from grader.cli.desk import Desk
from grader.cli.render import check as verdict
from grader.cli.render import spec as spec_view
from grader.cli.render.console import THEME, clock, minutes_style
from grader.cli.watch.screens import Reading
from grader.cli.watch.telling import Telling
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.judge.cancel import Cancellation, Cancelled
from grader.judge.protocol import TestResult
from grader.progress.derive import KataState
from grader.progress.notes import read_notes

# an editor that writes a file in two steps is judged once
DEBOUNCE = 40
STEP = 10


class JudgingApp(App[None]):
    """What watch and an interview have in common."""

    CSS = """
    #head { height: 1; padding: 0 1; background: $panel; }
    #body { padding: 1 1 0 1; }
    #hints { padding: 1 1 0 1; height: auto; }
    .paper { margin: 1 2; padding: 1 2; background: $surface; }
    .question { align: center middle; height: auto; margin: 4 8; padding: 1 2; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("h", "hint", "Hint"),
        ("s", "spec", "Spec"),
        ("space", "again", "Run again"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, desk: Desk, kata: Kata) -> None:
        super().__init__()
        self.desk, self.kata = desk, kata
        self._cancel: Cancellation | None = None
        self._judged: tuple[int, int] | None = None
        self._elapsed, self._ticking, self._since = 0.0, True, time.monotonic()
        self._state = Text("waiting", style="soft")

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with VerticalScroll(id="body"):
            yield Static(id="claims")
            yield Static(id="hints")
        yield Footer()

    def on_mount(self) -> None:
        self.console.push_theme(THEME)
        self.set_interval(1.0, self.tick)
        self.open()

    # for what each screen does in its own way

    def open(self) -> None:
        """The screen is there: begin."""
        self.begin(self.kata)

    def start(self, kata: Kata) -> actions.Started:
        """Place its file and let its clock run."""
        return actions.start(self.desk, kata)

    def rest(self, checked: Checked) -> RenderableType:
        """What stands below a verdict."""
        notes = read_notes(self.desk.practice, checked.kata) if checked.result.passed else None
        return verdict.rest(checked, notes)

    def shown(self, checked: Checked) -> None:
        """A verdict is on the screen, perhaps before its diagnosis."""

    def head(self) -> Text:
        """The kata, its clock, and what its file is worth."""
        return Text.assemble((self.kata.id, "name"), "  ", self.kata.title, "  ", self.standing())

    def standing(self) -> Text:
        minutes = self.kata.minutes
        text = Text(clock(self.seconds), style=minutes_style(self.seconds, minutes))
        return text.append(f" of {minutes} min  ", style="soft").append(self._state)

    # the kata at hand

    def begin(self, kata: Kata) -> None:
        """Start or resume a kata, judge it, and watch its file."""
        started = self.start(kata)
        self.kata = kata
        self.set_clock(started.elapsed, ticking=not _over(started.state))
        self.query_one("#claims", Static).update("")
        self.query_one("#hints", Static).update("")
        self._watch()
        self.action_again()

    @work(exclusive=True, group="watch")
    async def _watch(self) -> None:
        """The folder, not the file: editors replace files."""
        path = self.desk.practice.attempt(self.kata)

        def ours(_: Change, changed: str) -> bool:
            return changed == str(path)

        changes = awatch(
            path.parent, watch_filter=ours, debounce=DEBOUNCE, step=STEP, recursive=False
        )
        async for _ in changes:
            self._look()

    def tick(self) -> None:
        if not self.is_headless and _hung_up():
            # the window was closed, and nobody is left to press q
            self.leave()
            self.exit()
            return
        self.draw_head()
        # what was saved before the folder was watched, or on a disk that tells of nothing
        self._look()

    def _look(self) -> None:
        """Judge the file if it is not the one that was judged last."""
        stamp = self._stamp()
        if stamp is not None and stamp != self._judged:
            self.action_again()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.desk.practice.attempt(self.kata).stat()
        except OSError:
            # between an editor's removing the old file and placing the new one
            return None
        return found.st_mtime_ns, found.st_ino

    # judging

    def action_again(self) -> None:
        """Judge what the file says now; a check that runs is of an older text."""
        if self._cancel is not None:
            self._cancel.cancel()
        self._cancel, self._judged = Cancellation(), self._stamp()
        self._state = Text("judging", style="key")
        self.draw_head()
        self._judge(self.kata, self._cancel)

    @work(thread=True, group="judge")
    def _judge(self, kata: Kata, cancel: Cancellation) -> None:
        with cancel:
            try:
                checked = check(self.desk, kata, events=Telling(self, cancel), cancel=cancel)
            except Cancelled:
                return
            except KataError as error:
                self.call_from_thread(self._fail, cancel, str(error))
                return
        if checked.result.diagnosis:
            self.call_from_thread(self.show, cancel, checked)

    def count(self, cancel: Cancellation, test: TestResult) -> None:
        if cancel is self._cancel and test.outcome not in ("passed", "skipped"):
            self._state = Text("judging, some do not hold", style="key")
            self.draw_head()

    def _fail(self, cancel: Cancellation, words: str) -> None:
        if cancel is self._cancel:
            self._cancel, self._state = None, Text("no verdict", style="bad")
            self.query_one("#claims", Static).update(Text(words, style="bad"))
            self.draw_head()

    def show(self, cancel: Cancellation, checked: Checked) -> None:
        if cancel is not self._cancel:
            return
        self._state = verdict.words(checked.result)
        self.set_clock(checked.state.elapsed(time.time()), ticking=not _over(checked.state))
        both = Group(verdict.verdict(checked), self.rest(checked))
        self.query_one("#claims", Static).update(both)
        self.draw_head()
        self.shown(checked)

    # the clock and the head

    def set_clock(self, elapsed: float, *, ticking: bool) -> None:
        self._elapsed, self._ticking, self._since = elapsed, ticking, time.monotonic()

    @property
    def seconds(self) -> float:
        """What the clock says."""
        return self._elapsed + (time.monotonic() - self._since if self._ticking else 0.0)

    def draw_head(self) -> None:
        self.query_one("#head", Static).update(self.head())

    # keys

    def action_hint(self) -> None:
        hint = actions.hint(self.desk, self.kata)
        rows: list[RenderableType] = list(spec_view.hints(hint))
        shown = self.query_one("#hints", Static)
        shown.update(Group(*rows))
        # below claims that may fill the screen
        self.call_after_refresh(shown.scroll_visible)

    def action_spec(self) -> None:
        self.push_screen(Reading(spec_view.spec(self.kata)))

    async def action_quit(self) -> None:
        self.leave()
        self.exit()

    def leave(self) -> None:
        """Nothing more is judged."""
        if self._cancel is not None:
            self._cancel.cancel()


def _hung_up() -> bool:
    """Whether the terminal has gone."""
    try:
        return not os.isatty(sys.__stdout__.fileno()) if sys.__stdout__ else False
    except OSError:
        return True


def _over(state: KataState) -> bool:
    return bool(state.round and state.round.over)
