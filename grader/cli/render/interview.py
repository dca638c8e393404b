"""An interview: what is said in it, and its report."""

from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.cli.checking import Checked
from grader.cli.interviewing import Choice
from grader.cli.render.console import Indented, clock, mark, minutes_style
from grader.cli.render.spec import facts
from grader.cli.reporting import Answer, Report
from grader.content.card import FollowUp
from grader.progress.interviews import Asked, Interview

RATED = {"knew": ("knew it", "good"), "partly": ("partly", "wait"), "missed": ("missed", "bad")}


def announcement(choice: Choice, interview: Interview) -> Group:
    """What the interviewer asks next."""
    minutes = Text(f"{max(interview.left, 0) / 60:.0f} minutes are left.", style="soft")
    if choice.after:
        words = Text.assemble("Good. Now build on ", (choice.after.slug, "name"), ":")
    elif interview.asked:
        words = Text("Next:")
    else:
        words = Text(f"An interview of {interview.minutes} minutes. The first question:")
    return Group(words, "", facts(choice.kata), "", minutes)


def question(asked: Asked, of: int, follow_up: FollowUp, *, answered: bool) -> Group:
    """A follow-up question, and its answer once it was asked for."""
    head = Text(f"follow-up {len(asked.ratings) + 1} of {of}, {asked.kata}", style="soft")
    rows: list[RenderableType] = [head, "", Text(follow_up.ask, style="name")]
    if answered:
        rows += ["", Text(" ".join(follow_up.answer.split()))]
        rows += ["", Text("How well did you know it?", style="soft")]
    else:
        rows += ["", Text("Answer aloud, then look.", style="soft")]
    return Group(*rows)


def below(checked: Checked) -> Group:
    """What stands below a verdict: no diagnosis, for an interviewer waits to be asked."""
    if checked.result.passed:
        return Group(Text.assemble(("enter", "key"), "  the interviewer goes on"))
    rows = [Text.assemble(("next: ", "soft"), (f"edit {checked.path}", "key"))]
    left = len(checked.card.hints) - checked.state.hints
    if left:
        words = Text.assemble(("h", "key"), f"  a hint, which counts; {left} left")
        rows.append(words)
    return Group(*rows)


def status(interview: Interview, seconds: float) -> Text:
    """The interview's clock, for the head of a screen."""
    style = minutes_style(seconds, interview.minutes)
    text = Text.assemble((clock(seconds), style), (f" of {interview.minutes} min", "soft"))
    return text.append(f", question {max(len(interview.asked), 1)}  ", style="soft")


def show_left(out: Console, interview: Interview) -> None:
    at = (clock(interview.seconds), "name")
    words = f" of {interview.minutes} minutes; both clocks stand still."
    out.print(Text.assemble(f"Interview {interview.number} is left at ", at, words))
    out.print(Text.assemble(("next: ", "soft"), ("kata interview", "key"), "  goes on"))
    out.print(Text.assemble(("next: ", "soft"), ("kata interview --end", "key"), "  ends it"))


def show_report(out: Console, report: Report) -> None:
    out.print(_headline(report.interview))
    for answer in report.answers:
        out.print()
        out.print(_answer(answer))
    out.print()
    for practice in report.practice:
        step = Text.assemble(("next: ", "soft"), (practice.command, "key"))
        out.print(step.append(f"  {practice.why}", style="soft"))


def _headline(interview: Interview) -> Text:
    solved = sum(one.solved for one in interview.asked)
    when = datetime.fromtimestamp(interview.began).strftime("%Y-%m-%d %H:%M")
    spent = (clock(interview.seconds), minutes_style(interview.seconds, interview.minutes))
    text = Text.assemble((f"Interview {interview.number}", "name"), f", {when}: ")
    text.append(f"{solved} of {len(interview.asked)} solved in ").append(*spent)
    text.append(f" of {interview.minutes} min")
    if interview.ended is None:
        text.append(", not over", style="wait")
    chosen = [interview.track, interview.level, "core" if interview.core else None]
    words = [*filter(None, chosen), f"seed {interview.seed}"]
    return text.append(f"  {', '.join(words)}", style="soft")


def _answer(answer: Answer) -> Group:
    asked, minutes = answer.asked, answer.kata.minutes
    kind = "solved" if asked.solved else "failed"
    head = Text.assemble(mark(kind), " ", (answer.kata.id, "name"), f"  {answer.kata.title}")
    if asked.after:
        head.append(f"  after {asked.after.partition('/')[2]}", style="soft")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="soft", no_wrap=True)
    table.add_column()
    time = Text(clock(asked.seconds), style=minutes_style(asked.seconds, minutes))
    table.add_row("time", time.append(f" of {minutes} min", style="soft"))
    held, of = asked.claims
    if not asked.solved and of:
        table.add_row("claims", f"{held} of {of} held at the last check")
    table.add_row("checks", str(asked.checks))
    table.add_row("hints", str(asked.hints))
    if asked.solved:
        table.add_row("follow-ups", _ratings(answer))
    for tell in answer.tells:
        table.add_row("mistake", tell)
    return Group(head, Indented(table, 2))


def _ratings(answer: Answer) -> Text:
    said = [Text(*RATED[rating]) for rating in answer.asked.ratings if rating in RATED]
    rest = answer.questions - len(said)
    if rest:
        said.append(Text("not asked" if not said else f"{rest} not asked", style="soft"))
    return Text(", ").join(said)
