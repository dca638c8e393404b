"""Earlier attempts, the difference between two, and one that came back."""

import sys
from pathlib import Path

from rich.console import Console, Group
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from grader.cli.recalling import Difference, Recalled, Restored, when
from grader.cli.render.check import WORDS
from grader.cli.render.console import clock, mark, minutes_style
from grader.content.catalog import Kata
from grader.judge.output import plain
from grader.progress.attempts import Attempt
from grader.progress.derive import Round

WIDEST = 120


def show_history(out: Console, recalled: Recalled) -> None:
    """A line for each attempt, round by round."""
    kata, history = recalled.kata, recalled.history
    out.print(Text.assemble((kata.id, "name"), "  ", kata.title))
    if not (history.attempts or history.rounds or history.now):
        start = f"kata debug {kata.base}" if kata.debug else f"kata start {kata.slug}"
        out.print(Text.assemble("Nothing yet. ", ("next: ", "soft"), (start, "key")))
        return
    for number, this in enumerate((None, *history.rounds)):
        mine = [one for one in history.attempts if one.round == number]
        ended = this.ended if this and this.ended is not None else float("inf")
        if this is not None:
            out.print(Text(f"round {number}, began {when(this.began)}", style="soft"))
        _show_lines(out, recalled, [one for one in mine if one.at <= ended])
        if this is not None and this.over:
            out.print(_end(kata, this))
        _show_lines(out, recalled, [one for one in mine if one.at > ended])
    out.print(_now(recalled))
    if history.attempts:
        slug, last = kata.slug, history.attempts[-1].number
        for command, why in (
            (f"kata history {slug} {last}", "shows one"),
            (f"kata diff {slug}", "what has changed since"),
            (f"kata restore {slug} {last}", "puts one back"),
        ):
            out.print(Text.assemble(("next: ", "soft"), (command, "key"), (f"  {why}", "soft")))


def _show_lines(out: Console, recalled: Recalled, attempts: list[Attempt]) -> None:
    if not attempts:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, min_width=5)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=5)
    # the same in each round
    widest = max(verdict(one).cell_len for one in recalled.history.attempts)
    table.add_column(no_wrap=True, min_width=widest)
    table.add_column(justify="right", no_wrap=True, min_width=5)
    table.add_column(overflow="fold")
    for one in attempts:
        number = Text(str(one.number), style="name")
        seconds = _clock(one.seconds, recalled.kata) if one.seconds is not None else Text()
        claims = f"{one.held}/{one.total}" if one.total else ""
        table.add_row(number, when(one.at), seconds, verdict(one), claims, _remarks(one))
    out.print(table, width=min(out.width, WIDEST))


def _clock(seconds: float, kata: Kata) -> Text:
    return Text(clock(seconds), style=minutes_style(seconds, kata.minutes))


def verdict(one: Attempt) -> Text:
    if not one.checks:
        return Text.assemble(mark("unjudged"), " ", ("not checked", "soft"))
    said, style = WORDS.get(one.verdict or "", (one.verdict or "", "soft"))
    return Text.assemble(mark(one.verdict or ""), " ", (said, style))


def _remarks(one: Attempt) -> Text:
    said = [name.replace("_", " ") for name in one.mistakes]
    if one.checks > 1:
        said.append(f"{one.checks} checks")
    if one.file is not None:
        said.append(f"from {one.file}" if one.checks else _place(one.file))
    return Text(", ".join(said), style="soft")


def _place(file: Path) -> str:
    if ".kata" not in file.parts:
        return f"in {file.name}"
    return "imported" if "_imported" in file.name else "in the history"


def _end(kata: Kata, this: Round) -> Text:
    if this.given_up:
        text = Text.assemble("      ", mark("given up"), " given up")
    else:
        text = Text.assemble("      ", mark("solved"), " fixed" if kata.debug else " solved")
    if this.timed:
        text.append(" after ").append_text(_clock(this.seconds, kata))
        text.append(f" of {kata.minutes} min")
    if this.hints:
        text.append(", with 1 hint" if this.hints == 1 else f", with {this.hints} hints")
    return text


def _now(recalled: Recalled) -> Text:
    history = recalled.history
    if history.now is None:
        return Text(f"{recalled.path} is not there now", style="soft")
    if same := history.same_as:
        words = f"is attempt {same.number}"
    elif history.untouched:
        words = "is as it was handed out"
    else:
        words = "is not checked yet"
    return Text(f"{recalled.path} {words}", style="soft")


def show_attempt(out: Console, recalled: Recalled, one: Attempt, data: bytes) -> None:
    """What an attempt says; nothing else where it goes to no terminal."""
    text = data.decode("utf-8", errors="replace")
    if not out.is_terminal:
        sys.stdout.write(text)
        return
    heading = Text.assemble((recalled.kata.id, "name"), f"  attempt {one.number}, {when(one.at)}  ")
    heading.append_text(verdict(one))
    if one.total:
        heading.append(f", {one.held} of {one.total} claims hold")
    out.print(heading)
    out.print(_code(text, "python"))


def show_difference(out: Console, shown: Difference) -> None:
    if shown.diff and not out.is_terminal:
        sys.stdout.write(f"{shown.diff}\n")
    elif shown.diff:
        out.print(_code(shown.diff, "diff"))
    elif shown.same:
        out.print(Text(f"{shown.before} and {shown.after} are the same."))
    else:
        out.print(Text(f"{shown.before} and {shown.after} differ in the ends of lines only."))


def show_restored(out: Console, done: Restored) -> None:
    kata, one, number = done.kata, done.attempt, done.attempt.number
    if done.same:
        out.print(Text(f"{done.path} is attempt {number} already."))
    else:
        out.print(Text(f"{done.path} is attempt {number} again, of {when(one.at)}."))
    if done.kept:
        out.print(Text(f"The file that was there is kept in {done.kept}", style="soft"))
    out.print(_clock_stands(done))
    if kata.debug and 0 < one.round < done.rounds:
        words = f"It is of round {one.round}, with other bugs than those of round {done.rounds}, "
        out.print(Text(f"{words}which kata hint and kata solution are about.", style="wait"))
    out.print(Text.assemble(("next: ", "soft"), (f"kata check {kata.slug}", "key")))


def _clock_stands(done: Restored) -> Text:
    this, slug = done.state.round, done.kata.slug
    if this is None or not this.timed:
        words = f"No clock runs; kata start {slug} starts it."
    elif this.over:
        words = f"The round is over, and no clock runs; kata reset {slug} begins another."
    elif this.last is None:
        words = f"The clock is paused at {clock(done.elapsed)}; kata start {slug} goes on."
    else:
        words = f"The clock runs on, at {clock(done.elapsed)} of {done.kata.minutes} min."
    return Text(words, style="soft")


def _code(text: str, language: str) -> Group:
    return Group(Syntax(plain(text).rstrip("\n"), language, theme="ansi_dark", word_wrap=True))
