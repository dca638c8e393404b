"""The spec of a kata, its hints and its solution."""

import re

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from grader.cli.actions import Hint, Paused, Reset, Solution, Started
from grader.cli.place import in_notebook, typed
from grader.cli.render.console import Indented, clock
from grader.cli.render.debug import tells
from grader.content.catalog import Kata
from grader.content.stub import read_specs

SECTION = re.compile(r"^(Args|Returns|Raises|Not allowed|Source|Attributes|Yields|Example)\w*:$")


def show_start(out: Console, started: Started) -> None:
    kata = started.kata
    if kata.debug:
        # the spec is in the file
        out.print(Group(facts(kata), *_planted(started)))
    else:
        out.print(spec(kata))
        out.print()
    if started.kept:
        out.print(Text(f"Your earlier attempt is kept in {started.kept}", style="soft"))
    elif started.resumed:
        out.print(Text.assemble("Resumed: ", (clock(started.elapsed), "name"), " on the clock."))
        if not kata.debug and started.state.status == "solved":
            out.print(Text("Solved before; --fresh starts over from the stub.", style="soft"))
    if in_notebook():
        check = typed("kata check", kata.slug)
        out.print(Text.assemble(("next: ", "soft"), (check, "key"), ", the cell below"))
        return
    out.print(Text.assemble(("next: ", "soft"), ("edit ", "key"), str(started.path)))
    out.print(Text.assemble(("next: ", "soft"), ("kata check", "key")))


def _planted(started: Started) -> list[Text]:
    """What a new debug round is about."""
    this = started.state.round
    if started.resumed or this is None or this.bugs is None:
        return []
    many = {None: "one to three bugs", 1: "one bug"}.get(started.bugs, f"{started.bugs} bugs")
    text = Text(f"A solution with {many} planted in it, to be fixed; its docstring is the spec.")
    rows = [text.append(f"  seed {this.bugs.seed}", style="soft")]
    if started.spoils:
        words = f"{started.kata.base} is not solved yet, and the file shows most of a solution."
        rows.append(Text(words, style="wait"))
    return rows


def spec(kata: Kata) -> Group:
    """Signature and docstring of all that the stub defines."""
    rows: list[RenderableType] = [facts(kata)]
    for part in read_specs(kata.stub):
        code = Syntax(part.signature, "python", theme="ansi_dark", word_wrap=True)
        rows += ["", code, Indented(_docstring(part.docstring), 4)]
    return Group(*rows)


def facts(kata: Kata) -> Text:
    text = Text.assemble((kata.id, "name"), "  ", kata.title)
    text.append(f"  {kata.level}, {kata.minutes} min", style="soft")
    return text.append(", core" if kata.core else "", style="soft")


def _docstring(docstring: str) -> Text:
    text = Text()
    for line in docstring.splitlines():
        text.append(line + "\n", style="key" if SECTION.match(line.strip()) else "")
    text.rstrip()
    return text


def show_hint(out: Console, hint: Hint) -> None:
    out.print(Group(*hints(hint)))
    check = typed("kata check", hint.kata.slug)
    if hint.number < hint.of:
        out.print(Text.assemble(("next: ", "soft"), (check, "key"), ", or kata hint again"))
    else:
        steps = (check, "key"), ", or ", ("kata solution", "key"), " to give up"
        out.print(Text.assemble(("next: ", "soft"), *steps))


def hints(hint: Hint) -> list[Text]:
    """Each hint that was shown; the earlier ones softly."""
    return [
        Text.assemble(
            (f"hint {number} of {hint.of}: ", "key"),
            (words, "" if number == hint.number else "soft"),
        )
        for number, words in enumerate(hint.texts, start=1)
    ]


def show_solution(out: Console, shown: Solution) -> None:
    out.print(Group(*solution(shown)))


def solution(shown: Solution) -> list[RenderableType]:
    """The code, then each follow-up question with its answer."""
    rows: list[RenderableType] = [facts(shown.kata)]
    if shown.kata.debug:
        diff = Syntax(shown.text, "diff", theme="ansi_dark", word_wrap=True)
        rows += [diff, "", *tells(shown.bugs)]
    else:
        rows.append(Syntax(shown.text.rstrip(), "python", theme="ansi_dark", word_wrap=True))
    for question in shown.card.follow_ups:
        answer = " ".join(question.answer.split())
        rows += ["", Text.assemble(("Q  ", "key"), question.ask)]
        rows.append(Text.assemble(("A  ", "key"), answer))
    return rows


def show_reset(out: Console, reset: Reset) -> None:
    if reset.kept:
        out.print(Text(f"Your attempt is kept in {reset.kept}", style="soft"))
    what = "Bugs as planted: " if reset.kata.debug else "A fresh stub: "
    out.print(Text.assemble(what, str(reset.path), "; the clock starts again."))
    out.print(Text.assemble(("next: ", "soft"), (typed("kata check", reset.kata.slug), "key")))


def show_pause(out: Console, paused: Paused) -> None:
    at = (clock(paused.elapsed), "name")
    out.print(Text.assemble(f"{paused.kata.slug} is paused at ", at, "."))
    command = (f"kata start {paused.kata.slug}", "key")
    out.print(Text.assemble(("next: ", "soft"), command, " goes on"))
