"""What lies on top of the watch screen."""

from typing import ClassVar

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from grader.cli.actions import lines
from grader.cli.desk import Desk
from grader.cli.render.listing import option


class Reading(ModalScreen[None]):
    """Something to read: the spec, or the solution."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,s,o", "app.pop_screen", "Back")]

    def __init__(self, content: RenderableType) -> None:
        super().__init__()
        self._content = content

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="paper"):
            yield Static(self._content)
        yield Footer()


class Question(ModalScreen[bool]):
    """Yes or no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "Yes"),
        ("n,escape", "answer(False)", "No"),
    ]

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def compose(self) -> ComposeResult:
        with Vertical(classes="question"):
            yield Static(f"{self._words}  [b]y[/] / [b]n[/]")
        yield Footer()

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Katas(ModalScreen[str | None]):
    """All katas; choosing one moves to it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,l", "leave", "Back")]

    def __init__(self, desk: Desk, current: str) -> None:
        super().__init__()
        self._lines, self._current = lines(desk), current

    def compose(self) -> ComposeResult:
        options = OptionList(
            *(Option(option(line), id=line.kata.id) for line in self._lines), classes="paper"
        )
        yield options
        yield Footer()

    def on_mount(self) -> None:
        ids = [line.kata.id for line in self._lines]
        options = self.query_one(OptionList)
        options.highlighted = ids.index(self._current) if self._current in ids else 0
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_leave(self) -> None:
        self.dismiss(None)
