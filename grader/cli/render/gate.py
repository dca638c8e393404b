"""What kata verify found."""

from rich.console import Console
from rich.text import Text

from grader.cli.render.console import mark
from grader.gate.mutants.score import ALL, EACH, Score
from grader.gate.report import Report, mutation_rate


def show_reports(out: Console, reports: list[Report]) -> None:
    width = max((len(report.kata.id) for report in reports), default=0)
    for report in reports:
        sign = mark("passed" if report.sound else "failed")
        text = Text.assemble("  ", sign, " ", (report.kata.id.ljust(width), "name"))
        if report.skipped:
            text.append(f"  not run: {report.skipped}", style="wait")
        elif report.mistakes:
            caught = sum(report.mistakes.values())
            text.append(f"  {caught} of {len(report.mistakes)} mistakes caught", style="soft")
            text.append(f", {report.cpu:.1f} s", style="soft")
        out.print(text)
        if report.mutants:
            _show_score(out, report.mutants)
        for problem in report.problems:
            out.print(Text(f"      {problem}".replace("\n", "\n        ")))
    caught, judged = mutation_rate(reports)
    if judged:
        style = "bad" if caught / judged < ALL else "good"
        words = f"{caught:,} of {judged:,} mutants are caught, {caught / judged:.1%}"
        out.print(Text(words, style=style))
    sound = sum(report.sound for report in reports)
    style = "good" if sound == len(reports) else "bad"
    out.print(Text(f"{sound} of {len(reports)} katas are sound", style=style))


def _show_score(out: Console, score: Score) -> None:
    style = "bad" if score.rate < EACH else "soft"
    text = Text(f"      {score.caught} of {score.judged} mutants caught", style=style)
    more = f"; of {score.made} made, {score.crashed} crash, {score.equivalent} are equivalent"
    out.print(text.append(more, style="soft"))
    for mutant in score.survived:
        out.print(Text(f"      survived: {mutant}"))
