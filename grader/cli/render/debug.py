"""What was planted in a debug round."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from grader.cli.render.console import Indented
from grader.content.card import Mistake

if TYPE_CHECKING:
    from grader.cli.checking import Checked


def planted(checked: "Checked") -> list[RenderableType]:
    """After a pass: what the bugs were."""
    this = checked.state.round
    lines = this.bugs.lines if this and this.bugs else {}
    return tells(mistake for mistake in checked.card.mistakes if mistake.name in lines)


def tells(mistakes: Iterable[Mistake]) -> list[RenderableType]:
    said = [Indented(Text(mistake.tell, style="name"), 2) for mistake in mistakes]
    if not said:
        return []
    return [Text("The bug was:" if len(said) == 1 else f"The {len(said)} bugs were:"), *said]
