"""What kata verify found."""

from rich.console import Console
from rich.text import Text

from grader.cli.render.console import mark
from grader.gate.report import Report, mutation_rate, shortfall


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
        _show_score(out, report)
        for problem in report.problems:
            out.print(Text(f"      {problem}".replace("\n", "\n        ")))
    caught, judged = mutation_rate(reports)
    if judged:
        style = "bad" if shortfall(reports) else "good"
        words = f"{caught:,} of {judged:,} mutants are caught, {caught / judged:.1%}"
        out.print(Text(words, style=style))
    sound = sum(report.sound for report in reports)
    style = "good" if sound == len(reports) else "bad"
    out.print(Text(f"{sound} of {len(reports)} katas are sound", style=style))


def _show_score(out: Console, report: Report) -> None:
    score = report.mutants
    if score is None:
        return
    style = "soft" if score.enough else "bad"
    text = Text(f"      {score.caught} of {score.judged} mutants caught", style=style)
    more = f"; {score.made} made, {score.crashed} crashed, {score.equivalent} equivalent"
    out.print(text.append(more, style="soft"))
    for mutant in score.survived:
        out.print(Text(f"      survived: {mutant}"))
