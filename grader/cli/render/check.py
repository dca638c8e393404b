"""A verdict as the learner reads it: each claim, what fails in full, and what to do next."""

from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from grader.cli.checking import Checked
from grader.cli.place import typed
from grader.cli.render.console import Indented, clock, duration, mark, minutes_style
from grader.cli.render.debug import planted
from grader.content.catalog import Kata
from grader.judge.diagnosed import Diagnosis
from grader.judge.protocol import Failure, Result, TestResult

if TYPE_CHECKING:
    from grader.progress.notes import Notes

# more than this scrolls the first away; the rest is told in a line each
IN_FULL = 3
WORDS = {
    "passed": ("passed", "good"),
    "failed": ("failed", "bad"),
    "error": ("error", "bad"),
    "timeout": ("timed out", "bad"),
    "crashed": ("crashed", "bad"),
    "unimplemented": ("not started yet", "wait"),
    "skipped": ("skipped", "soft"),
}


def show_verdict(out: Console, checked: Checked, *, verbose: bool = False) -> None:
    """All that is known at once."""
    out.print(heading(checked))
    out.print(verdict(checked, verbose=verbose))


def show_rest(out: Console, checked: Checked, notes: "Notes | None" = None) -> None:
    """What may take a moment longer, and what to do next."""
    out.print(rest(checked, notes))


def verdict(checked: Checked, *, verbose: bool = False) -> Group:
    result = checked.result
    rows: list[RenderableType] = []
    if result.printed.strip():
        rows.append(Indented(printed(result.printed, "printed on import"), 4))
    rows.append(claims(result, verbose=verbose))
    told = {test.failure for test in result.tests}
    if result.problem and result.problem not in told:
        rows.append(Indented(failure(result.problem), 2))
    return Group(*rows, "", summary(checked))


def rest(checked: Checked, notes: "Notes | None" = None) -> Group:
    """Args:
    notes: What the person has written on the kata, to be shown after a pass.
    """
    rows = [diagnosis(found)] if (found := checked.result.diagnosis) else []
    return Group(*rows, *next_steps(checked, notes))


def diagnosis(found: Diagnosis) -> Group:
    """The mistake in a sentence, as sure as it is."""
    words = {
        "high": "What your code computes is",
        "medium": "It looks like",
        "low": "It fails the same claims as",
    }[found.confidence]
    which = "this mistake" if len(found.tells) == 1 else "these mistakes together"
    tells = [Indented(Text(tell, style="name"), 2) for tell in found.tells]
    return Group(Text(f"{words} {which}:"), *tells)


def heading(checked: Checked) -> Text:
    kata, result = checked.kata, checked.result
    text = Text.assemble((kata.id, "name"), "  ", kata.title)
    return text.append(f"  seed {result.seed}, {result.device}", style="soft")


def claims(result: Result, *, verbose: bool = False) -> Group:
    """A line a claim; the first failures in full."""
    rows: list[RenderableType] = []
    width = max((len(test.claim) for test in result.tests), default=0)
    told: list[Failure] = []
    unjudged = [test for test in result.tests if test.outcome == "unjudged"]
    unbegun = all(test.outcome == "unimplemented" for test in result.tests)
    for test in result.tests:
        if test.outcome == "unjudged" and not verbose and len(unjudged) > 3:
            continue
        rows.append(_claim(test, width))
        if test.printed.strip() and (test.outcome != "passed" or verbose or _few(result)):
            rows.append(Indented(printed(test.printed), 6))
        if test.failure is None or (unbegun and not verbose):
            continue
        known = any(_same(test.failure, other) for other in told)
        full = verbose or (len(told) < IN_FULL and not known)
        if test.outcome == "skipped":
            rows.append(Indented(Text(test.failure.headline, style="soft"), 6))
        elif full:
            rows.append(Indented(failure(test.failure), 6))
        else:
            rows.append(Indented(Text(test.failure.headline), 6))
        told.append(test.failure)
    if len(unjudged) > 3 and not verbose:
        rows.append(Text.assemble("  ", mark("unjudged"), f" {len(unjudged)} more not judged"))
    return Group(*rows)


def _claim(test: TestResult, width: int) -> Text:
    style = "" if test.outcome in ("failed", "timeout", "crashed") else "soft"
    style = "" if test.outcome == "passed" else style
    text = Text.assemble("  ", mark(test.outcome), " ", (test.claim.ljust(width), style))
    if test.outcome == "unjudged":
        return text.append("  not judged", style="soft")
    return text.append(f"  {duration(test.seconds):>8}" if test.seconds else "", style="soft")


def failure(failure: Failure) -> Group:
    rows = [Text(failure.headline, style="bad")]
    rows += [Text(fact) for fact in failure.facts]
    rows += [Text(line, style="soft") for line in failure.inputs]
    for number, where, text in failure.trace:
        rows.append(Text.assemble((f"line {number}", "key"), (f", in {where}: ", "soft"), text))
    return Group(*rows)


def printed(text: str, title: str = "printed") -> Group:
    lines = [Text(f"| {line}", style="soft") for line in text.rstrip("\n").splitlines()]
    return Group(Text(title, style="soft"), *lines)


def words(result: Result) -> Text:
    """The verdict, and how many claims hold."""
    said, style = WORDS[result.verdict]
    text = Text.assemble((said, f"strong-{style}"))
    if result.tests:
        held = sum(test.outcome == "passed" for test in result.tests)
        text.append(f": {held} of {len(result.tests)} claims hold")
    return text


def summary(checked: Checked) -> Text:
    result = checked.result
    text = words(result)
    if result.tests:
        text.append(f" in {duration(result.seconds)}", style="soft")
    if checked.elapsed is not None:
        minutes = checked.kata.minutes
        text.append(" · ", style="soft")
        text.append(clock(checked.elapsed), style=minutes_style(checked.elapsed, minutes))
        text.append(f" of {minutes} min")
    return text


def next_steps(checked: Checked, notes: "Notes | None" = None) -> list[RenderableType]:
    kata, result = checked.kata, checked.result
    if result.passed:
        return _after_pass(checked, notes)
    if result.verdict == "skipped":
        return [Text("This kata cannot be judged here; kata next moves on.")]
    if result.verdict == "unimplemented":
        return [_step(f"edit {checked.path}"), _check(kata)]
    left = len(checked.card.hints) - checked.state.hints
    steps: list[RenderableType] = []
    if left > 0:
        steps.append(_step("kata hint", f"{left} left"))
    else:
        steps.append(_step("kata hint", "all three again"))
    if result.tests:
        steps.append(_check(kata, f"--seed {result.seed}", "the same inputs again"))
    if result.verdict == "timeout":
        steps.append(_check(kata, "--timeout 60", "if the machine is slow"))
    return steps


def _after_pass(checked: Checked, notes: "Notes | None") -> list[RenderableType]:
    kata, best = checked.kata, checked.state.best
    rows: list[RenderableType] = []
    if checked.first and checked.elapsed is not None and best is not None:
        done = "Fixed in " if kata.debug else "Solved in "
        text = Text.assemble(done, (clock(checked.elapsed), "name"))
        if checked.state.hints:
            text.append(f" with {checked.state.hints} of {len(checked.card.hints)} hints")
        if checked.best_before is None:
            text.append(", your first time")
        elif checked.elapsed < checked.best_before:
            text.append(f", your best (before: {clock(checked.best_before)})")
        else:
            text.append(f"; your best is {clock(checked.best_before)}")
        rows.append(text.append("."))
    elif best is not None:
        rows.append(Text(f"Your best time is {clock(best)}."))
    if kata.debug:
        rows += planted(checked)
    if notes:
        from grader.cli.render.notes import notes_after

        rows += notes_after(notes)
    if checked.card.follow_ups:
        question = checked.card.follow_ups[checked.result.seed % len(checked.card.follow_ups)]
        rows.append(Text.assemble(("An interviewer would ask: ", "soft"), question.ask))
        what = "the difference" if kata.debug else "one way to write it"
        rows.append(_step("kata solution", f"{what}, and answers to such questions"))
    if kata.debug:
        rows.append(_step(f"kata debug {kata.base}", "other bugs"))
    if checked.following:
        rows.append(_step("kata next", f"{checked.following.id}, {checked.following.title}"))
    return rows


def _check(kata: Kata, options: str = "", why: str = "") -> Text:
    return _step(typed(f"kata check {kata.slug} {options}".rstrip(), kata.slug), why)


def _step(command: str, why: str = "") -> Text:
    text = Text.assemble(("next: ", "soft"), (command, "key"))
    return text.append(f"  {why}", style="soft") if why else text


def _same(one: Failure, other: Failure) -> bool:
    return one.headline == other.headline and one.trace == other.trace


def _few(result: Result) -> bool:
    """Whether what passing tests print is worth its lines."""
    return result.passed and sum(len(test.printed) for test in result.tests) < 2000
