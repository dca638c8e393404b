"""Puts what became of the mutants into the reports."""

from collections.abc import Callable

from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.gate.mutants.make import make_mutants
from grader.gate.mutants.score import Subject, judge_mutants
from grader.gate.report import Report
from grader.judge.protocol import Limits

# a test may take so many times as long on a mutant as on the solution, and so many seconds at least
PATIENCE, LEAST = 10, 2.0

Listener = Callable[[int, int, Report | None], None]


def score_mutants(reports: list[Report], *, jobs: int, listener: Listener) -> None:
    """Judge the mutants of the katas that are sound otherwise and can run here."""
    known = {report.kata: report for report in reports if report.sound and not report.skipped}
    subjects = [
        Subject(kata, make_mutants(kata.solution.read_text(encoding="utf-8")), _limits(report))
        for kata, report in known.items()
    ]

    def tell(done: int, total: int, kata: Kata | None) -> None:
        listener(done, total, known[kata] if kata else None)

    for kata, score, problems in judge_mutants(subjects, jobs=jobs, listener=tell):
        known[kata].mutants = score
        known[kata].problems += problems


def _limits(report: Report) -> Limits:
    usual = Limits()
    if "ranks" in load_card(report.kata).requires:
        # ranks that wait in vain for each other give up by themselves, after some seconds
        return usual
    return Limits(test=min(usual.test, max(LEAST, PATIENCE * report.slowest)))
