"""What stands in the panels of the dashboard."""

import sys
from datetime import datetime
from statistics import median

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from grader.cli.overview import BestTime, DebugRounds, Overview
from grader.cli.render.console import clock, mark, minutes_style

SHOWN = 8
# how many checks a day has at least, for each shade
SHADES = (
    (0, "·", ".", "soft"),
    (1, "░", "-", "good"),
    (3, "▒", "+", "good"),
    (6, "▓", "*", "good"),
    (12, "█", "#", "strong-good"),
)
DAYS = ("Mo", "", "We", "", "Fr", "", "Su")
STEPS = "▁▂▃▄▅▆▇█"
LATELY = 10


def today(view: Overview) -> RenderableType | None:
    """The plan for today, and what is due."""
    rows: list[RenderableType] = []
    if view.plan and view.plan.tasks:
        plan = view.plan
        done = (
            f"{plan.done} of {len(plan.tasks)} planned, {plan.minutes_done} of {plan.minutes} min"
        )
        rows.append(Text(done, style="good" if plan.done == len(plan.tasks) else ""))
        for task in plan.tasks[:SHOWN]:
            row = Text.assemble(mark("solved" if task.over else "new"), " ", task.session.kata.id)
            rows.append(row.append("  review" if task.session.review else "", style="soft"))
        rows.append(Text.assemble("  ", ("kata plan", "key")))
    if view.due:
        count = f"{len(view.due)} due for review: "
        names = ", ".join(kata.slug for kata in view.due[:3])
        more = f" and {len(view.due) - 3} more" if len(view.due) > 3 else ""
        rows.append(Text.assemble((count, "wait"), names + more))
        rows.append(Text.assemble("  ", ("kata review", "key")))
    return Group(*rows) if rows else None


def following(view: Overview) -> RenderableType:
    rows = []
    if view.current:
        kata, seconds = view.current
        now = (clock(seconds), minutes_style(seconds, kata.minutes))
        of = f" of {kata.minutes} min"
        rows.append(Text.assemble(mark("started"), " ", (kata.id, "name"), " ", now, of))
        rows.append(Text.assemble("  ", (f"kata check {kata.slug}", "key")))
    if view.following:
        kata = view.following
        facts = f"  {kata.level}, {kata.minutes} min"
        title = Text.assemble("  ", (kata.id, "name"), f"  {kata.title}")
        title.no_wrap, title.overflow = True, "ellipsis"
        rows.append(title)
        rows.append(Text.assemble("  ", (f"kata start {kata.slug}", "key"), (facts, "soft")))
    if not rows:
        rows.append(Text("All katas are solved.", style="good"))
    return Group(*rows)


def tracks(view: Overview, room: int) -> Table:
    table = Table.grid(padding=(0, 1))
    # a title may be cut, its bar not
    names = min(max(len(track.title) for track in view.tracks), room - 8 - 8)
    table.add_column(width=names, no_wrap=True, overflow="ellipsis")
    table.add_column()
    table.add_column(justify="right", no_wrap=True)
    bar = room - names - 8
    for track in view.tracks:
        done = ProgressBar(
            track.total, track.solved, width=bar,
            style="soft", complete_style="good", finished_style="good",
        )  # fmt: skip
        count = Text.assemble((f"{track.solved}", "good" if track.solved else "soft"))
        table.add_row(Text(track.title), done, count.append(f"/{track.total}"))
    return table


def calendar(view: Overview, room: int) -> RenderableType:
    """A column a week, a row a day, darker the more was checked."""
    weeks = view.weeks[-max((room - 3) // 2, 1) :]
    rows = []
    for day, name in enumerate(DAYS):
        row = Text(name.ljust(3), style="soft")
        for week in weeks:
            sign, style = _shade(week[day])
            row.append(sign, style=style).append(" ")
        row.rstrip()
        rows.append(row)
    active = sum(bool(checks) for week in view.weeks for checks in week)
    days = "1 day" if active == 1 else f"{active} days"
    return Group(*rows, Text(f"   {days} of practice in a year", style="soft"))


def _shade(checks: int | None) -> tuple[str, str]:
    if checks is None:
        return " ", ""
    _, sign, plain, style = [shade for shade in SHADES if checks >= shade[0]][-1]
    return (sign if _signs() else plain), style


def pace(view: Overview, room: int) -> RenderableType | None:
    """Times against minutes, and where they are going."""
    shares = [one.share for one in view.paces]
    if not shares:
        return None
    rows: list[RenderableType] = []
    if _signs() and len(shares) > 1:
        rows.append(_curve(shares[-room:]))
    lately, before = shares[-LATELY:], shares[:-LATELY]
    text = Text.assemble((f"{median(lately):.0%}", _style(median(lately))), " of the minutes")
    text.append(f", median of the last {len(lately)}" if len(lately) > 1 else "")
    if before:
        text.append(f"; {median(before):.0%} before", style="soft")
    in_time = sum(share <= 1 for share in shares)
    rows += [text, Text(f"{in_time} of {len(shares)} passed in time", style="soft")]
    return Group(*rows)


def _curve(shares: list[float]) -> Text:
    """A bar for each round that passed; full height is twice the minutes."""
    text = Text()
    for share in shares:
        step = min(int(share / 2 * len(STEPS)), len(STEPS) - 1)
        text.append(STEPS[step], style=_style(share))
    return text


def _style(share: float) -> str:
    return "good" if share <= 1 else "wait"


def mistakes(view: Overview) -> RenderableType | None:
    if not view.mistakes:
        return None
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for made in view.mistakes:
        times = Text(f"{made.times}x", style="wait")
        slug = made.kata.partition("/")[2]
        table.add_row(times, Text.assemble((f"{slug}  ", "name"), made.tell))
    return table


def debug(rounds: DebugRounds) -> RenderableType | None:
    if not rounds.fixed:
        return None
    fixed = "1 round" if rounds.fixed == 1 else f"{rounds.fixed} rounds"
    found = "1 bug" if rounds.bugs == 1 else f"{rounds.bugs} bugs"
    return Group(Text(f"{found} found in {fixed}"), best(rounds.best))


def best(times: tuple[BestTime, ...], *, more: str = "") -> RenderableType:
    if not times:
        return Text("Your times stand here once you have solved a kata.", style="soft")
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for one in times[-SHOWN:]:
        time = Text(clock(one.seconds), style=minutes_style(one.seconds, one.minutes))
        table.add_row(Text(one.kata), time, Text(f"of {one.minutes} min", style="soft"))
    if len(times) > SHOWN:
        table.add_row(Text(f"and {len(times) - SHOWN} more{more}", style="soft"))
    return table


def latest(view: Overview) -> RenderableType:
    if not view.latest:
        return Text.assemble(("Nothing yet: ", "soft"), ("kata start sdpa", "key"))
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for attempt in view.latest:
        claims = f"{attempt.passed}/{attempt.total}" if attempt.total else attempt.verdict
        table.add_row(
            mark(attempt.verdict),
            Text(attempt.kata),
            Text(claims, style="soft"),
            Text(_when(attempt.at), style="soft"),
        )
    return table


def hours(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _when(at: float) -> str:
    then, now = datetime.fromtimestamp(at), datetime.now()
    days = (now.date() - then.date()).days
    if days == 0:
        return then.strftime("%H:%M")
    return "yesterday" if days == 1 else f"{days} days ago"


def _signs() -> bool:
    """Whether the terminal can show signs beyond letters."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
