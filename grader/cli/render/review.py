"""What comes back: a review that begins, and the schedule."""

from datetime import date

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from grader.cli.render.notes import notes_after
from grader.cli.render.spec import show_start
from grader.cli.reviewing import Review, Schedule
from grader.progress.rating import Grade
from grader.progress.schedule import Scheduled

GRADES = {Grade.AGAIN: "bad", Grade.HARD: "wait", Grade.GOOD: "good", Grade.EASY: "good"}


def show_review(out: Console, review: Review, today: date) -> None:
    last = review.last
    ago = (today - date.fromtimestamp(last.ended)).days
    out.print(
        Text.assemble(("Review ", "soft"), (last.kata.id, "name"), (". Last, ", "soft"))
        .append(f"{_ago(ago)}: ", style="soft")
        .append_text(_rating(last))
    )
    if review.notes is not None:
        out.print(Group("", *notes_after(review.notes)))
    out.print()
    show_start(out, review.started)
    if review.more:
        are = "One more is" if review.more == 1 else f"{review.more} more are"
        out.print(Text.assemble(f"{are} due: ", ("kata review", "key"), " after this one"))


def show_schedule(out: Console, schedule: Schedule) -> None:
    if not schedule.katas:
        show_nothing_due(out, schedule)
        return
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=True)
    slugs = max(len(one.kata.slug) for one in schedule.katas)
    table.add_column(min_width=slugs, no_wrap=True)
    table.add_column(min_width=5, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(min_width=15, no_wrap=True)
    for one in schedule.katas:
        days = one.days(schedule.today)
        when = Text(in_days(days), style="wait" if days <= 0 else "")
        grade = Text(one.rating.grade.word, style=GRADES[one.rating.grade])
        table.add_row(Text(one.kata.slug), grade, Text(one.rating.why, style="soft"), when)
    out.print(table)
    of = f"{schedule.due} of {len(schedule.katas)} due. "
    out.print(Text.assemble(of, ("kata review" if schedule.due else "kata next", "key")))


def show_nothing_due(out: Console, schedule: Schedule) -> None:
    if schedule.due:
        out.print(f"{schedule.due} due, but this machine cannot judge what is due.")
        out.print(
            Text.assemble(
                ("next: ", "soft"), ("kata review --list", "key"), ("  what it is", "soft")
            )
        )
        return
    if schedule.katas:
        first = schedule.katas[0]
        when = in_days(first.days(schedule.today))
        name = (first.kata.slug, "name")
        out.print(Text.assemble("Nothing is due for review. Next is ", name, f", {when}."))
        out.print(Text.assemble(("next: ", "soft"), ("kata next", "key"), ("  a new one", "soft")))
        return
    out.print("Nothing to review yet: a kata comes back once it was passed or given up.")
    out.print(Text.assemble(("next: ", "soft"), ("kata next", "key"), ("  the first", "soft")))


def in_days(days: int) -> str:
    """When something is due, in words."""
    if days < 0:
        return "1 day overdue" if days == -1 else f"{-days} days overdue"
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def _ago(days: int) -> str:
    return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")


def _rating(one: Scheduled) -> Text:
    grade = one.rating.grade
    return Text.assemble((grade.word, GRADES[grade]), (f", {one.rating.why}", "soft"))
