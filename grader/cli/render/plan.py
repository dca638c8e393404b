"""The plan: today in full, the next days, then week by week."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.cli.planning import Planned
from grader.cli.render.console import Indented, mark
from grader.cli.render.review import in_days
from grader.progress.forecast import Day, Session
from grader.progress.plan import Plan, Today

# days after today that are shown in full
IN_FULL = 6
MARKS = {"done": "solved", "started": "started", "given up": "given up", "open": "new"}


def show_plan(out: Console, planned: Planned, *, every_day: bool = False) -> None:
    goal, plan = planned.goal, planned.plan
    days = (goal.date - planned.today).days
    when = f"{-days} days ago" if days < -1 else {0: "today", -1: "yesterday"}.get(days)
    if plan is None:
        out.print(Text.assemble("The interview ", ("of ", "soft"), (_date(goal.date), "name"),
                                f" is {when}." if not days else f" was {when}."))  # fmt: skip
        _next(out, "kata review --list", "what you know, and since when")
        _next(out, "kata plan --date YYYY-MM-DD", "for another one")
        return
    head = Text.assemble("Interview on ", (_date(goal.date), "name"), f", {in_days(days)}")
    out.print(head.append(f"; {goal.minutes} min a day"))
    full = plan.days if every_day else plan.days[:IN_FULL]
    sessions = [task.session for task in plan.today.tasks]
    sessions += [session for day in full for session in day.sessions]
    width = max((len(session.kata.slug) for session in sessions), default=0)
    _today(out, plan.today, width)
    for day in full:
        out.print(_heading(_day(day.date, planned.today), _minutes(day)))
        if day.sessions:
            out.print(_table(((session, "open") for session in day.sessions), width, out.width))
    _weeks(out, plan.days[len(full) :])
    _shortfall(out, plan)
    _steps(out, plan)


def _today(out: Console, today: Today, width: int) -> None:
    said = "nothing planned"
    if today.tasks:
        said = f"{today.done} of {len(today.tasks)} done, "
        said += f"{today.minutes_done} of {today.minutes} min"
    out.print(_heading(f"Today, {_date(today.date)}", said))
    if today.tasks:
        out.print(_table(((task.session, task.status) for task in today.tasks), width, out.width))
    if today.beside:
        names = ", ".join(kata.slug for kata in today.beside)
        out.print(Indented(Text(f"beside the plan: {names}", style="soft"), 3))


def _heading(day: str, said: str) -> Text:
    return Text.assemble("\n", (day, "name"), "  ", (said, "soft"))


def _table(rows: Iterable[tuple[Session, str]], width: int, room: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for columns in (2, width, 6, 4):
        table.add_column(min_width=columns, no_wrap=True)
    table.add_column(min_width=7, justify="right", no_wrap=True)
    # what is left of the line
    table.add_column(max_width=max(room - width - 29, 8), no_wrap=True, overflow="ellipsis")
    for session, status in rows:
        kata = session.kata
        title = kata.title
        if session.parts > 1:
            title = f"part {session.part} of {session.parts}: {title}"
        table.add_row(
            Text.assemble(" ", mark(MARKS[status])),
            Text(kata.slug, style="soft" if status in ("done", "given up") else ""),
            Text("review" if session.review else "new", style="" if session.review else "key"),
            Text("core" if kata.core else "", style="key"),
            f"{session.minutes} min",
            Text(title, style="soft"),
        )
    return table


def _weeks(out: Console, days: Sequence[Day]) -> None:
    def monday(day: Day) -> date:
        return day.date - timedelta(days=day.date.weekday())

    for _, group in groupby(days, monday):
        week = list(group)
        sessions = [session for day in week for session in day.sessions]
        # of a kata that takes several days, the first
        new = [s.kata.slug for s in sessions if not s.review and s.part == 1]
        again = [s.kata.slug for s in sessions if s.review and s.part == 1]
        span = _date(week[0].date)
        span += f" to {_date(week[-1].date)}" if len(week) > 1 else ""
        minutes = sum(day.minutes for day in week)
        said = f"{len(new)} new, {_reviews(len(again))}, {minutes} min" if sessions else "free"
        out.print(_heading(span, said))
        for what, names in (("new", new), ("review", again)):
            if names:
                text = Text.assemble((f"{what}: ", "soft"), ", ".join(names))
                out.print(Indented(text, 3))


def _shortfall(out: Console, plan: Plan) -> None:
    out.print()
    if not plan.left_out:
        out.print(Text("All katas have a day.", style="good"))
    else:
        core = sum(kata.core for kata in plan.left_out)
        text = Text(f"{_katas(len(plan.left_out))} not fit, ", style="wait")
        text.append(f"{core} of them core. " if core else "none of them core. ", style="wait")
        if core and plan.for_core is not None:
            text.append(f"{plan.for_core} min a day would do for the core ones")
            text.append(f", {plan.for_all} for all." if plan.for_all else ", none for all.")
        elif plan.for_all is not None:
            text.append(f"{plan.for_all} min a day would do.")
        else:
            text.append("No number of minutes a day would do: it takes a later date.")
        out.print(text)
    if plan.late:
        has = "review has" if len(plan.late) == 1 else "reviews have"
        out.print(Text(f"{len(plan.late)} {has} no room before the interview.", style="soft"))


def _steps(out: Console, plan: Plan) -> None:
    first = plan.today.first
    if first is None:
        said = "beyond today's part" if plan.today.tasks else "a new one"
        _next(out, "kata next", said)
    elif first.session.review:
        _next(out, "kata review", first.session.kata.slug)
    else:
        _next(out, f"kata start {first.session.kata.slug}")


def _next(out: Console, command: str, why: str = "") -> None:
    text = Text.assemble(("next: ", "soft"), (command, "key"))
    out.print(text.append(f"  {why}", style="soft") if why else text)


def _katas(number: int) -> str:
    return "1 kata does" if number == 1 else f"{number} katas do"


def _reviews(number: int) -> str:
    return "1 review" if number == 1 else f"{number} reviews"


def _minutes(day: Day) -> str:
    return f"{day.minutes} min" if day.sessions else "free"


def _day(day: date, today: date) -> str:
    return f"Tomorrow, {_date(day)}" if (day - today).days == 1 else _date(day)


def _date(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
