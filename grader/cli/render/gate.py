"""What kata verify found."""

from rich.console import Console
from rich.text import Text

from grader.cli.render.console import mark
from grader.gate.report import Report


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
        for problem in report.problems:
            out.print(Text(f"      {problem}".replace("\n", "\n        ")))
    sound = sum(report.sound for report in reports)
    style = "good" if sound == len(reports) else "bad"
    out.print(Text(f"{sound} of {len(reports)} katas are sound", style=style))
