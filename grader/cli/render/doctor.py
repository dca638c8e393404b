"""What kata doctor found."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grader.cli.doctor import Finding
from grader.cli.render.console import mark


def show_findings(out: Console, findings: list[Finding]) -> None:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        sign = mark("passed" if finding.ok else "failed")
        table.add_row(sign, Text(finding.what, style="name"), Text(finding.found))
        if not finding.ok and finding.advice:
            table.add_row("", "", Text(finding.advice, style="wait"))
    out.print(table)
    bad = sum(not finding.ok for finding in findings)
    if bad:
        out.print(Text(f"{bad} of {len(findings)} need attention", style="bad"))
    else:
        out.print(Text("All is well.", style="good"))
